// Whose call is begun when there are many, in which order, and that the event loop turns in between.

import { expect, test } from "vitest";
import { createPeers } from "../../src/grpc/peers.ts";
import { createTurns } from "../../src/grpc/turns.ts";

/** Longer than a turn. */
const BUSY_MS = 4;

interface Call {
  readonly name: string;
  readonly isOver: boolean;
}

function callOf(name: string, isOver = false): Call {
  return { name, isOver };
}

function keepBusy(): void {
  const untilMs = performance.now() + BUSY_MS;
  while (performance.now() < untilMs);
}

function begunIn(count: number, begin: (call: Call) => void) {
  const begun: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const turns = createTurns<Call>(
    (call) => {
      begun.push(call.name);
      begin(call);
      if (begun.length === count) resolve();
    },
    { isOver: (call) => call.isOver },
  );
  return { turns, begun, all: promise };
}

test("calls are begun as they come while there is time", () => {
  const { turns, begun } = begunIn(3, () => {});
  const peer = createPeers().at("a");
  for (const name of ["1", "2"]) turns.take(peer, callOf(name));
  expect(begun).toEqual(["1", "2"]);
});

test("who sends one does not wait for all of who sends many", async () => {
  const { turns, begun, all } = begunIn(8, keepBusy);
  const peers = createPeers();
  for (const name of ["a1", "a2", "a3", "a4", "a5"]) turns.take(peers.at("a"), callOf(name));
  turns.take(peers.at("b"), callOf("b1"));
  for (const name of ["c1", "c2"]) turns.take(peers.at("c"), callOf(name));
  expect(begun).toEqual(["a1"]);
  await all;
  expect(begun).toEqual(["a1", "a2", "b1", "c1", "a3", "c2", "a4", "a5"]);
});

test("between two turns, the event loop does what else there is", async () => {
  const { turns, begun, all } = begunIn(10, keepBusy);
  const peer = createPeers().at("a");
  for (let each = 0; each < 10; each++) turns.take(peer, callOf(`${each}`));
  const seen: number[] = [];
  const timer = setInterval(() => seen.push(begun.length), 1);
  await all;
  clearInterval(timer);
  expect(new Set(seen).size).toBeGreaterThan(5);
});

test("a call that is over when its turn comes is not begun, and nobody is forgotten", async () => {
  const { turns, begun, all } = begunIn(3, keepBusy);
  const peer = createPeers().at("a");
  turns.take(peer, callOf("1"));
  turns.take(peer, callOf("2", true));
  turns.take(peer, callOf("3"));
  turns.take(peer, callOf("4"));
  await all;
  expect(begun).toEqual(["1", "3", "4"]);
});
