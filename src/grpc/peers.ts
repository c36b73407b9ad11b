// The hosts that are connected, each with how many connections and calls it has.
// Must not know what they may have.

/** A host; those who connect through a socket of the machine are one. */
export interface Peer {
  readonly address: string;
  connections: number;
  calls: number;
}

/** The hosts by their addresses. */
export interface Peers {
  /** How many there are. */
  readonly count: number;
  /** The host at the address, known or not. */
  at(address: string | undefined): Peer;
  /** Forgets a host that has nothing any more. */
  forget(peer: Peer): void;
}

/** Nobody is connected. */
export function createPeers(): Peers {
  const known = new Map<string, Peer>();
  return {
    get count() {
      return known.size;
    },
    at(address = "") {
      const found = known.get(address);
      if (found) return found;
      const peer = { address, connections: 0, calls: 0 };
      known.set(address, peer);
      return peer;
    },
    forget(peer) {
      if (peer.connections === 0 && peer.calls === 0) known.delete(peer.address);
    },
  };
}
