// A client that does what it should, in a thread of its own, so that who abuses the server beside it does not
// hold it up: a Get every few milliseconds, and a look at health. Tells how long they took when asked.

import { setTimeout as sleep } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";
import { ArtistService } from "../gen/chinook/v1/artist_pb.ts";
import { Health } from "../gen/health/v1/health_pb.ts";
import { connect } from "../src/client/client.ts";

/** What it has seen since it was last asked. */
export interface HonestFigures {
  /** How long its Gets took, in milliseconds. */
  readonly getMs: readonly number[];
  readonly healthMs: readonly number[];
  /** Why calls have failed. */
  readonly failures: readonly string[];
}

const PAUSE_MS = 5;
const TIMEOUT_MS = 10_000;

const { address } = workerData as { readonly address: string };
const connection = connect(address);
const artists = connection.service(ArtistService);
const health = connection.service(Health);
let seen = empty();
let isOver = false;

function empty() {
  return { getMs: [] as number[], healthMs: [] as number[], failures: [] as string[] };
}

async function timed(into: "getMs" | "healthMs", call: () => Promise<unknown>): Promise<void> {
  const { [into]: times, failures } = seen;
  const startMs = performance.now();
  try {
    await call();
    times.push(performance.now() - startMs);
  } catch (error) {
    failures.push(`${into}: ${(error as Error).message}`);
  }
}

async function keepCalling(pauseMs: number, action: () => Promise<void>): Promise<void> {
  while (!isOver) {
    await action();
    await sleep(pauseMs);
  }
}

const options = { timeoutMs: TIMEOUT_MS };
void keepCalling(PAUSE_MS, () =>
  timed("getMs", () => artists.getArtist({ name: "artists/1" }, options)),
);
void keepCalling(10 * PAUSE_MS, () => timed("healthMs", () => health.check({}, options)));

parentPort?.on("message", (message: "take" | "end") => {
  if (message === "end") {
    isOver = true;
    connection.close();
    parentPort?.close();
    return;
  }
  parentPort?.postMessage(seen satisfies HonestFigures);
  seen = empty();
});
