// The power fails while clients write: the files are put together again from what was synced and any
// part of what was not, and held against what was acknowledged before.
// `DURABILITY_IMAGES=2000` makes the long version of it.

import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { tempDir } from "../support/temp.ts";
import { findingsOf } from "../support/verified.ts";
import { createDisk } from "./disk.ts";
import { type PowerLossCounts, powerLossFigures, printFigures } from "./figures.ts";
import { judge } from "./judge.ts";
import { chooseSeed, createRandom, type Random } from "./random.ts";
import { type Recording, record, usableStrace } from "./recording.ts";
import { recoverState } from "./state.ts";

const IMAGES = Number(process.env.DURABILITY_IMAGES ?? 60);
const SERVE_ARGS = (process.env.DURABILITY_SERVE_ARGS ?? "").split(" ").filter(Boolean);
/** Each recording is good for so many images at most. */
const IMAGES_PER_RECORDING = 500;
const SERVERS = 2;
const WRITES = 400;
const VERIFY_EVERY = 20;
const TIMEOUT_MS = 120_000 + IMAGES * 1_000;

const strace = usableStrace();

test.skipIf(strace === undefined)(
  `${IMAGES} losses of power lose no acknowledged write`,
  { timeout: TIMEOUT_MS },
  async () => {
    const counts = await losePower(["--durability", "full"]);
    printFigures(powerLossFigures("full", counts));
    expect(counts.firstLoss).toBeUndefined();
  },
);

test.skipIf(strace === undefined)(
  `${IMAGES} losses of power with relaxed durability lose the newest writes and break nothing`,
  { timeout: TIMEOUT_MS },
  async () => {
    const counts = await losePower(["--durability", "relaxed"]);
    printFigures(powerLossFigures("relaxed", counts));
    // So the same check finds a loss where there is one.
    expect(counts.firstLoss).toBeDefined();
  },
);

/** Records as often as needed and judges the images. @throws if one of them is broken */
async function losePower(durability: readonly string[]): Promise<PowerLossCounts> {
  const seed = chooseSeed();
  const random = createRandom(seed);
  const counts = { ...emptyCounts(), images: IMAGES };
  for (let left = IMAGES; left > 0; left -= IMAGES_PER_RECORDING) {
    const recording = await record(strace as string, tempDir(), {
      seed: random.below(2 ** 31),
      servers: SERVERS,
      writes: WRITES,
      serveArgs: [...durability, ...SERVE_ARGS],
    });
    countSteps(recording, counts);
    const cuts = chooseCuts(recording, Math.min(left, IMAGES_PER_RECORDING), random);
    await judgeImages(recording, cuts, random, counts, `seed ${seed}`);
  }
  return counts;
}

/** Lines at which the power fails: where it hurts most, and anywhere. */
function chooseCuts({ events, acknowledgements }: Recording, count: number, random: Random) {
  const last = events.at(-1)?.begin ?? 0;
  const checkpoints = events.filter(({ step }) => step.kind === "write" && /\.db$/.test(step.path));
  const cuts = Array.from({ length: count }, (_, number) => {
    if (number % 4 === 0) return random.below(last) + 1;
    if (number % 4 === 1) return random.pick(checkpoints).begin + 1;
    return random.pick(acknowledgements) + 1;
  });
  return cuts.sort((a, b) => a - b);
}

async function judgeImages(
  { base, events, history }: Recording,
  cuts: readonly number[],
  random: Random,
  counts: PowerLossCounts,
  seed: string,
): Promise<void> {
  const disk = createDisk(base, events);
  const path = join(tempDir(), "image.db");
  for (const [number, cut] of cuts.entries()) {
    disk.advance(cut);
    for (const suffix of ["", "-wal", "-shm", "-journal"]) rmSync(path + suffix, { force: true });
    for (const [name, bytes] of disk.image(random)) {
      writeFileSync(path + name.slice(name.lastIndexOf(".db") + 3), bytes);
    }
    const message = `${seed}, image ${number}, cut at line ${cut}`;
    const { lost, broken } = judge(history, recoverState(path), cut);
    expect(broken, message).toEqual([]);
    if (number % VERIFY_EVERY === 0) expect(await findingsOf(path), message).toEqual([]);
    if (lost.length > 0) {
      counts.imagesWithLoss += 1;
      counts.firstLoss ??= `${message}: ${lost.join("; ")}`;
    }
    counts.lostMost = Math.max(counts.lostMost, lost.length);
    counts.imagesWithPending += disk.pendingChanges > 0 ? 1 : 0;
  }
}

function countSteps({ events, acknowledgements }: Recording, counts: PowerLossCounts): void {
  counts.recordings += 1;
  counts.acknowledged += acknowledgements.length;
  let headers = 0;
  for (const { step } of events) {
    if (step.kind === "sync" && step.path.endsWith("-wal")) counts.walSyncs += 1;
    if (step.kind === "sync" && step.path.endsWith(".db")) counts.checkpoints += 1;
    // A log begins with its header, a new one as well as one that begins again.
    if (step.kind === "write" && step.path.endsWith("-wal") && step.offset === 0) headers += 1;
  }
  counts.walRestarts += headers - SERVERS;
  expect(headers, "the log has to begin again within a recording").toBeGreaterThan(SERVERS);
}

function emptyCounts(): PowerLossCounts {
  return {
    images: 0,
    imagesWithLoss: 0,
    imagesWithPending: 0,
    lostMost: 0,
    firstLoss: undefined,
    recordings: 0,
    acknowledged: 0,
    walSyncs: 0,
    checkpoints: 0,
    walRestarts: 0,
  };
}
