// The writer thread that a process starts ahead is the one that its database gets, and only that one.

import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { expect, onTestFinished, test } from "vitest";
import { CHINOOK_RESOURCES } from "../../src/chinook/resources.ts";
import {
  endAhead,
  startAhead,
  takeThread,
} from "../../src/database/sqlite/threads/thread-start.ts";

const CODE = { definitions: CHINOOK_RESOURCES.definitions };

/** A thread that is ended when the test is over. */
function take(code: { readonly definitions: string }): Worker {
  const worker = takeThread(code);
  onTestFinished(async () => void (await worker.terminate()));
  return worker;
}

/** Threads are numbered in the order of their starts. */
const numbersOf = (...workers: readonly Worker[]) => workers.map(({ threadId }) => threadId);

test("it is taken once, for the resources that it has loaded", () => {
  const earlier = take(CODE);
  startAhead(CODE);
  const later = take(CODE);
  const another = take(CODE);
  const first = earlier.threadId;
  expect(numbersOf(earlier, later, another)).toEqual([first, first + 1, first + 2]);
  startAhead(CODE);
  expect(take({ definitions: "data:text/javascript," }).threadId).toBe(first + 4);
});

test("one that could not load is not taken", async () => {
  const code = { definitions: "data:text/javascript,throw new Error()" };
  startAhead(code);
  const ahead = take(code);
  await once(ahead, "exit");
  startAhead(code);
  await expect.poll(() => take(code).threadId - ahead.threadId).toBeGreaterThan(1);
});

test("it is ended where nothing is to be written", () => {
  startAhead(CODE);
  endAhead();
  const [one, two] = [take(CODE), take(CODE)];
  expect(two.threadId).toBe(one.threadId + 1);
});

test.each([null, undefined, "data", { other: 1 }])(
  "a thread of the program's own may serve, with the data %j",
  async (workerData) => {
    const url = new URL("../../src/database/sqlite/threads/thread-start.ts", import.meta.url);
    const code = `import(${JSON.stringify(url.href)}).then(({ refuseInThread }) => refuseInThread());`;
    const [exitCode] = await once(new Worker(code, { eval: true, workerData }), "exit");
    expect(exitCode).toBe(0);
  },
);
