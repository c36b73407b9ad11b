// SIGINT and SIGTERM end a server in order, however it was started and whatever it does: nothing that
// was acknowledged is lost, the log is in the database, and no process is left.

import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import { DatabaseService } from "../../gen/protostore/v1/database_service_pb.ts";
import { connect } from "../../src/client/client.ts";
import {
  canBeFirstProcess,
  LAUNCHES,
  type Launch,
  type Launched,
  launch,
  processesOf,
  untilBegun,
} from "./stops.ts";
import { openSql } from "./support.ts";

/** `STOPS=50` stops each fifty times by each signal; the default once, by one of them. */
const STOPS = Number(process.env.STOPS ?? 0);
const SIGNALS = ["SIGTERM", "SIGINT"] as const;
/** What is promised, and what a machine that runs other tests beside may take. */
const GONE_MS = STOPS > 0 ? 5_000 : 30_000;
/** From the first file to the first answer, and some more. */
const START_MS = 400;
const WRITERS = 8;
const WRITES = 40;
const SCANS = 4;
const canBeFirst = canBeFirstProcess();

/** What a server is doing when it is told to stop; resolves with the names that it has acknowledged. */
const MOMENTS: Readonly<Record<string, (server: Launched) => Promise<() => readonly string[]>>> = {
  "during its start": async (server) => {
    await untilBegun(server);
    await sleep(Math.random() * START_MS);
    return () => [];
  },
  idle: async (server) => {
    await server.address();
    return () => [];
  },
  "under writes": async (server) => {
    const names = startWriting(await server.address());
    await expect.poll(() => names.length, { interval: 1, timeout: 60_000 }).toBeGreaterThan(WRITES);
    return () => names;
  },
  "under endless scans": async (server) => {
    const connection = connect(await server.address());
    onTestFinished(() => connection.close());
    fill(server.database);
    const artists = connection.service(ArtistService);
    for (let scan = 0; scan < SCANS; scan++) {
      void artists
        .listArtists({ filter: `display_name = "${"*a".repeat(60)}*z*"` })
        .catch(() => {});
    }
    const status = () => connection.service(DatabaseService).getDatabaseStatus({});
    await expect
      .poll(async () => (await status()).wal?.oldestReaderTime, { timeout: 60_000 })
      .toBeDefined();
    return () => [];
  },
};

/** Rows that one scan takes far longer for than a stop may. */
function fill(database: string): void {
  const sql = openSql(database);
  sql.exec(`
    BEGIN IMMEDIATE;
    UPDATE store_state SET writing = 1, revision = revision + 1;
    WITH RECURSIVE n(i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < 120000)
    INSERT INTO artists (ArtistId, Name, revision) SELECT i, replace(printf('%080d', 0), '0', 'a'), 1 FROM n;
    UPDATE store_state SET writing = 0;
    COMMIT;`);
  sql.close();
}

/** Writers that go on until they get no answer. */
function startWriting(address: string): readonly string[] {
  const names: string[] = [];
  for (let writer = 0; writer < WRITERS; writer++) {
    const connection = connect(address);
    onTestFinished(() => connection.close());
    void (async () => {
      const artists = connection.service(ArtistService);
      for (;;) names.push((await artists.createArtist({ artist: { displayName: "x" } })).name);
    })().catch(() => {});
  }
  return names;
}

const ways = Object.keys(LAUNCHES).flatMap((how, row) =>
  Object.keys(MOMENTS).map((when, column) => {
    const signals =
      STOPS > 0 ? SIGNALS : SIGNALS.filter((_, index) => index === (row + column) % 2);
    return { how: how as Launch, when, signals };
  }),
);

for (const { how, when, signals } of ways) {
  for (const signal of signals) {
    const isSkipped = how === "serve as process 1" && !canBeFirst;
    test.skipIf(isSkipped)(`${signal} ends ${how} ${when}`, { timeout: 3_000_000 }, async () => {
      for (let time = 0; time < Math.max(STOPS, 1); time++) await stopOnce(how, when, signal);
    });
  }
}

async function stopOnce(how: Launch, when: string, signal: NodeJS.Signals): Promise<void> {
  const server = launch(how);
  const acknowledged = await MOMENTS[when]?.(server);
  server.signal(signal);
  const ended = await Promise.race([server.ended, sleep(GONE_MS, "still there")]);
  expect({ ended, left: processesOf(server.database) }, server.output()).toEqual({
    ended: 0,
    left: [],
  });
  expect(existsSync(`${server.database}-wal`), server.output()).toBe(false);
  const names = acknowledged?.() ?? [];
  if (!existsSync(server.database)) return expect(names).toEqual([]);
  const sql = openSql(server.database);
  expect(sql.pragma("integrity_check", { simple: true })).toBe("ok");
  if (names.length > 0) {
    const keys = sql.prepare("SELECT ArtistId FROM artists").pluck().all();
    const stored = new Set(keys.map((key) => `artists/${key}`));
    expect(names.filter((name) => !stored.has(name))).toEqual([]);
  }
}

test.each<Launch>(["serve", "serve --processes 2", "npm start"])(
  "another signal ends %s at once, though calls are in flight",
  async (how) => {
    const server = launch(how);
    const connection = connect(await server.address());
    onTestFinished(() => connection.close());
    const artists = connection.service(ArtistService);
    const { name } = await artists.createArtist({ artist: { displayName: "kept" } });
    const sql = openSql(server.database);
    sql.exec("BEGIN IMMEDIATE");
    const late = artists.createArtist({ artist: { displayName: "late" } }).catch(() => "lost");
    await sleep(200);
    server.signal("SIGTERM");
    await expect.poll(server.output, { timeout: 10_000 }).toContain('"stopping"');
    await sleep(1_200);
    expect(server.servers()).not.toEqual([]);
    server.signal("SIGTERM");
    const ended = await Promise.race([server.ended, sleep(10_000, "still there")]);
    expect({ ended, left: processesOf(server.database) }).toEqual({ ended: 143, left: [] });
    expect(await late).toBe("lost");
    sql.exec("ROLLBACK");
    expect(sql.pragma("integrity_check", { simple: true })).toBe("ok");
    const key = Number(name.split("/")[1]);
    expect(sql.prepare("SELECT 1 FROM artists WHERE ArtistId = ?").get(key)).toBeDefined();
  },
);
