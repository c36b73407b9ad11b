// Shares the main thread among hosts. Calls are begun as they come, unless that would take long in one turn
// of the event loop: then they wait, and each host has one after the other, so that who sends many waits for
// its own, and connections are looked at in between. Must not know what is begun.

import type { Peer } from "./peers.ts";

/** How long calls are begun in one turn, in milliseconds; what follows from them comes on top. */
const TURN_MS = 3;

/** Begins a call; one that is over by then is not begun. */
type Begin<Call> = (call: Call) => void;

/** The calls of one host that wait; the first `begun` of them do not any more. */
interface Line<Call> {
  readonly peer: Peer;
  readonly calls: Call[];
  begun: number;
}

/** Gives calls their turn. */
export interface Turns<Call> {
  /** Begins it, at once or when it is its host's turn. */
  take(peer: Peer, call: Call): void;
}

/** What is to be done about a call that waits. */
export interface WaitingCall<Call> {
  isOver(call: Call): boolean;
  /** Runs when it begins to wait. */
  onWait?(call: Call): void;
  /** Runs when it has been begun late. */
  onLate?(call: Call): void;
}

/** Nobody waits. */
export function createTurns<Call>(begin: Begin<Call>, waiting: WaitingCall<Call>): Turns<Call> {
  const lines = new Map<Peer, Line<Call>>();
  /** Those whose hosts are next, in this order. */
  let order: Line<Call>[] = [];
  let isInTurn = false;
  let sinceMs = 0;

  function hasTime(): boolean {
    if (!isInTurn) {
      isInTurn = true;
      sinceMs = performance.now();
      setImmediate(endTurn);
      return true;
    }
    return order.length === 0 && performance.now() - sinceMs < TURN_MS;
  }

  function endTurn(): void {
    isInTurn = order.length > 0;
    if (!isInTurn) return;
    sinceMs = performance.now();
    do beginNext();
    while (order.length > 0 && performance.now() - sinceMs < TURN_MS);
    setImmediate(endTurn);
  }

  /** One of each host whose turn it is; those that have more come again after all others. */
  function beginNext(): void {
    const now = order;
    order = [];
    for (const [index, line] of now.entries()) {
      const call = line.calls[line.begun++];
      if (line.begun < line.calls.length) order.push(line);
      else lines.delete(line.peer);
      if (call) beginLate(call);
      if (performance.now() - sinceMs < TURN_MS) continue;
      order = [...now.slice(index + 1), ...order];
      return;
    }
  }

  function beginLate(call: Call): void {
    if (waiting.isOver(call)) return;
    begin(call);
    waiting.onLate?.(call);
  }

  return {
    take(peer, call) {
      if (hasTime()) {
        begin(call);
        return;
      }
      waiting.onWait?.(call);
      const line = lines.get(peer);
      if (line) {
        line.calls.push(call);
        return;
      }
      const first = { peer, calls: [call], begun: 0 };
      lines.set(peer, first);
      order.push(first);
    },
  };
}
