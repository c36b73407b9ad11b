// The streams that a server has open, so that a stop can end them.
// Must not know what they carry.

import type { StoreError } from "../errors.ts";

/** The open streams of a server. */
export interface OpenStreams {
  /** Registers a stream by how to end it; the result forgets it again. */
  add(end: (reason: StoreError) => void): () => void;
  /** Ends every stream, and from now on each new one at once. */
  endAll(reason: StoreError): void;
}

/** An empty set of streams. */
export function createOpenStreams(): OpenStreams {
  const ends = new Set<(reason: StoreError) => void>();
  let ended: StoreError | undefined;
  return {
    add(end) {
      if (ended) end(ended);
      ends.add(end);
      return () => ends.delete(end);
    },
    endAll(reason) {
      ended = reason;
      for (const end of ends) end(reason);
    },
  };
}
