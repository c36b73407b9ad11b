// Backups of a server that is written to 500 times in a second: each is restored, and has what was acknowledged
// before it, all of that and nothing else. `BACKUPS=100` makes the long version of it, and prints its figures.

import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import { type Connection, connect } from "../../src/client/client.ts";
import { restoreBackup } from "../../src/database/sqlite/backup/restore.ts";
import { openConnection } from "../../src/database/sqlite/connection/connection.ts";
import { openClient } from "../access/support.ts";
import { startServerProcess } from "../service/cli.ts";
import { tempDir } from "../support/temp.ts";
import { artistsIn, askForBackup, dataOf, EXPECTED } from "./support.ts";

const COUNT = Number(process.env.BACKUPS ?? 5);
const WRITES_PER_SECOND = 500;
const TICK_MS = 10;
/** A machine that is too slow for so many gets fewer, rather than calls that end without an answer. */
const OPEN_MAX = 200;
/** The keys that are written again and again, those of the fixtures; new ones come too. */
const KEYS = 40;

interface Acknowledged {
  readonly revision: bigint;
  readonly key: bigint;
  readonly name: string;
}

/** Writes so often, whatever becomes of the answers; says what was acknowledged, and after how long. */
function startLoad(connection: Connection) {
  const artists = connection.service(ArtistService);
  const acknowledged: Acknowledged[] = [];
  const timesMs: number[] = [];
  /** What may be there or not: the names that were sent without an answer, and how each call ended. */
  const unanswered = new Map<string, string>();
  const open = new Set<Promise<void>>();
  let isOver = false;
  let turn = 0;

  async function write(): Promise<void> {
    const displayName = `artist ${++turn} ${"x".repeat(turn % 97)}`;
    const name = `artists/${1 + (turn % KEYS)}`;
    const begunMs = performance.now();
    try {
      const { etag, ...artist } =
        turn % 25 === 0
          ? await artists.createArtist({ artist: { displayName } })
          : await artists.updateArtist({ artist: { name, displayName } });
      timesMs.push(performance.now() - begunMs);
      const revision = BigInt(/\d+/.exec(etag)?.[0] ?? "");
      const key = BigInt(artist.name.split("/")[1] ?? "");
      acknowledged.push({ revision, key, name: displayName });
    } catch (error) {
      unanswered.set(displayName, String(error));
    }
  }

  async function run(): Promise<void> {
    const begunMs = performance.now();
    while (!isOver) {
      const due = ((performance.now() - begunMs) / 1_000) * WRITES_PER_SECOND;
      while (turn < due && open.size < OPEN_MAX) {
        const one = write().finally(() => open.delete(one));
        open.add(one);
      }
      await sleep(TICK_MS);
    }
    await Promise.all(open);
  }

  const over = run();
  return {
    acknowledged,
    unanswered,
    timesMs,
    async stop() {
      isOver = true;
      await over;
    },
  };
}

/** What a file must have that has these commits, of those that were acknowledged, and no other. */
function prefix(
  before: ReadonlyMap<bigint, string>,
  acknowledged: readonly Acknowledged[],
  revision: bigint,
): ReadonlyMap<bigint, string> {
  const artists = new Map(before);
  const sorted = acknowledged.toSorted((a, b) => (a.revision < b.revision ? -1 : 1));
  for (const each of sorted) if (each.revision <= revision) artists.set(each.key, each.name);
  return new Map([...artists].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function answersOf(path: string, pragma: string): readonly unknown[] {
  const connection = openConnection(path, { readOnly: true, busyTimeoutMs: 0, immutable: true });
  try {
    return connection.pragma(pragma) as unknown[];
  } finally {
    connection.close();
  }
}

const quantile = (timesMs: readonly number[], part: number) =>
  timesMs.toSorted((a, b) => a - b)[Math.floor(part * timesMs.length)]?.toFixed(1);

test(`each of ${COUNT} backups under ${WRITES_PER_SECOND} writes/s is a prefix of what was acknowledged`, {
  timeout: 60_000 + COUNT * 15_000,
}, async () => {
  const [folder, place] = [tempDir(), tempDir()];
  const database = join(place, "x.db");
  const server = await startServerProcess(
    ...["--database", database, "--fixtures", "--backup-dir", folder],
  );
  const connection = connect(server.address);
  onTestFinished(() => connection.close());
  const client = openClient(server.address);
  await askForBackup(client, "before");
  const before = artistsIn(dataOf(folder, "before")).artists;
  const load = startLoad(connection);
  let alone = 0;
  if (COUNT >= 20) {
    await sleep(10_000);
    alone = load.timesMs.length;
  }
  const begunMs = performance.now();
  const made = [];
  for (let index = 0; index < COUNT; index++) {
    const newest = load.acknowledged.reduce(
      (max, { revision }) => (revision > max ? revision : max),
      0n,
    );
    const backup = await askForBackup(client, `n${index}`);
    expect(backup?.revision).toBeGreaterThanOrEqual(newest);
    made.push(backup);
  }
  const tookMs = performance.now() - begunMs;
  await load.stop();
  // The last is whole, whatever the server does next.
  await server.end("SIGKILL");
  let atWork = 0;
  for (const [index, backup] of made.entries()) {
    const restored = join(place, "restored.db");
    const options = { expected: EXPECTED, lockTimeoutMs: 0 };
    await restoreBackup(dataOf(folder, `n${index}`), restored, options, () => {});
    const found = artistsIn(restored);
    expect(found.revision).toBe(backup?.revision);
    const known = prefix(before, load.acknowledged, found.revision);
    const others = [...found.artists].filter(([key, name]) => known.get(key) !== name);
    expect(others.filter(([, name]) => !load.unanswered.has(name))).toEqual([]);
    expect([...known.keys()].filter((key) => !found.artists.has(key))).toEqual([]);
    expect(answersOf(restored, "integrity_check")).toEqual([{ integrity_check: "ok" }]);
    expect(answersOf(restored, "foreign_key_check")).toEqual([]);
    if (index > 0 && found.revision > (made[index - 1]?.revision ?? 0n)) atWork += 1;
    for (const name of readdirSync(place)) {
      if (name.startsWith("restored.db")) rmSync(join(place, name));
    }
  }
  // Each was made among writes.
  expect(atWork).toBe(COUNT - 1);
  if (COUNT < 20) return;
  const [quiet, busy] = [load.timesMs.slice(0, alone), load.timesMs.slice(alone)];
  console.info(
    `${COUNT} backups in ${(tookMs / 1_000).toFixed(0)} s, ${load.acknowledged.length} writes; ` +
      `p50/p99 of a write alone ${quantile(quiet, 0.5)}/${quantile(quiet, 0.99)} ms, ` +
      `beside backups ${quantile(busy, 0.5)}/${quantile(busy, 0.99)} ms; ` +
      `${load.unanswered.size} without an answer: ${[...new Set(load.unanswered.values())].join()}`,
  );
});
