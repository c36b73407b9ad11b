// What happens to a server's files while it serves: what is sent after that is not acknowledged, what
// was acknowledged before is in the file that the server had opened, and health says why.

import { copyFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, onTestFinished, test } from "vitest";
import { ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import {
  Health,
  HealthCheckResponse_ServingStatus as Serving,
} from "../../gen/health/v1/health_pb.ts";
import { DatabaseService } from "../../gen/protostore/v1/database_service_pb.ts";
import { type Connection, connect } from "../../src/client/client.ts";
import { openConnection } from "../../src/database/sqlite/connection/connection.ts";
import { failureOf } from "../service/support.ts";
import { migrateUp } from "../support/migrate.ts";
import { tempDir } from "../support/temp.ts";
import { HARMS, type Harm, OTHER } from "./harms.ts";
import { type Server, startServer } from "./server.ts";

const PATIENCE = { timeout: 20_000 };
const WRITERS = 8;
const OTHER_BYTES = 2_000_000;

interface Run {
  readonly server: Server;
  /** One with each process. */
  readonly connections: readonly Connection[];
  /** The names of the artists whose creation was answered with OK. */
  readonly acknowledged: string[];
}

/** A migrated database that has a table more. */
async function makeOther(path: string): Promise<void> {
  await migrateUp(path, { lockTimeoutMs: 15_000 });
  const other = openConnection(path, { busyTimeoutMs: 1_000 });
  other.exec(`CREATE TABLE more (data); INSERT INTO more VALUES (zeroblob(${OTHER_BYTES}))`);
  other.close();
}

async function start(path: string, processes: number): Promise<Run> {
  const server = await startServer(path, ["--processes", String(processes)]);
  onTestFinished(() => server.end("SIGKILL"));
  const connections: Connection[] = [];
  for (let index = 0; index < processes; index++) {
    const connection = connect(server.address);
    onTestFinished(() => connection.close());
    await expect.poll(() => healthOf(connection), PATIENCE).toBe(Serving.SERVING);
    connections.push(connection);
  }
  return { server, connections, acknowledged: [] };
}

async function healthOf(connection: Connection): Promise<Serving | undefined> {
  const answer = await connection
    .service(Health)
    .check({})
    .catch(() => undefined);
  return answer?.status;
}

/** Creates an artist of a new name; undefined if it was, else what the failure says. */
async function create({ acknowledged }: Run, connection: Connection) {
  const displayName = `Artist ${++created}`;
  const call = connection.service(ArtistService).createArtist({ artist: { displayName } });
  const isDone = await call.then(
    () => true,
    () => false,
  );
  if (!isDone) return await failureOf(call);
  acknowledged.push(displayName);
  return undefined;
}

let created = 0;

/** Creates artists, one after the other, until one fails; none that is sent after the harm may not. */
async function createUntilRefused(run: Run, connection: Connection, isHarmed: () => boolean) {
  for (;;) {
    const isAfter = isHarmed();
    const failure = await create(run, connection);
    if (failure) return failure;
    expect(isAfter, "sent after the harm and acknowledged").toBe(false);
  }
}

/** The names of the artists in a copy of the database file alone. */
function namesIn(path: string): readonly unknown[] {
  const copy = join(tempDir(), "copy.db");
  copyFileSync(path, copy);
  const sql = new Database(copy);
  try {
    return sql.prepare("SELECT Name FROM artists").pluck().all();
  } catch {
    // It was copied in the middle of a checkpoint.
    return [];
  } finally {
    sql.close();
  }
}

async function namesOf({ connections: [connection] }: Run): Promise<readonly string[]> {
  const { artists } =
    (await connection?.service(ArtistService).listArtists({ pageSize: 1_000 })) ?? {};
  return (artists ?? []).map(({ displayName }) => displayName);
}

/** Each harm in one of the ways, or in all of them. */
const CASES = Object.keys(HARMS).flatMap((name, index) => {
  const ways = [
    { name, processes: 1, load: "during writes" },
    { name, processes: 2, load: "during writes" },
    { name, processes: 1, load: "while nothing is written" },
  ];
  return process.env.DURABILITY_HARMS === "all" ? ways : ways.slice(index % 3, (index % 3) + 1);
});

test.each(CASES)("$name $load, processes: $processes", async ({ name, processes, load }) => {
  const harm = HARMS[name] as Harm;
  const path = join(tempDir(), "store.db");
  await makeOther(join(path, "..", OTHER));
  const run = await start(path, processes);
  const { connections, acknowledged, server } = run;
  const refused = { code: "UNAVAILABLE", reason: "DATABASE_REPLACED" };
  const why = { file: harm.file, state: harm.state };

  if (load === "during writes") {
    let isHarmed = false;
    const loads = connections.flatMap((connection) =>
      Array.from({ length: WRITERS }, () => createUntilRefused(run, connection, () => isHarmed)),
    );
    await expect.poll(() => acknowledged.length, PATIENCE).toBeGreaterThan(50);
    harm.do(path);
    isHarmed = true;
    for (const failure of await Promise.all(loads)) expect(failure).toMatchObject(refused);
  } else {
    for (const connection of connections) expect(await create(run, connection)).toBeUndefined();
    harm.do(path);
  }

  for (const connection of connections) {
    await expect.poll(() => healthOf(connection), PATIENCE).toBe(Serving.NOT_SERVING);
    const reads = () => failureOf(connection.service(ArtistService).listArtists({}));
    for (const failure of [await create(run, connection), await reads()]) {
      expect(failure).toMatchObject({ ...refused, metadata: why });
    }
    const status = await connection.service(DatabaseService).getDatabaseStatus({});
    expect(status.server?.notServingReason).toMatch(/^the .* (?:is not|has been) /);
  }

  // What was acknowledged is in the file that was opened, wherever it is, without its log.
  const right = harm.right?.(path);
  if (right !== undefined) {
    const missing = () => {
      const names = new Set(namesIn(right));
      return acknowledged.filter((each) => !names.has(each));
    };
    await expect.poll(missing, PATIENCE).toEqual([]);
  }

  if (harm.undo) {
    harm.undo(path);
    for (const connection of connections) {
      await expect.poll(() => healthOf(connection), PATIENCE).toBe(Serving.SERVING);
      expect(await create(run, connection)).toBeUndefined();
    }
    expect(await namesOf(run)).toEqual(expect.arrayContaining(acknowledged));
    return;
  }

  // A server that stops does not write the log into what is not its file any more.
  const before = readFileSync(path);
  await server.end("SIGTERM");
  if (harm.state === "overwritten") expect(readFileSync(path).equals(before)).toBe(true);
  if (harm.file === "database") return;
  const again = await start(path, 1);
  if (right !== undefined)
    expect(await namesOf(again)).toEqual(expect.arrayContaining(acknowledged));
  expect(await create(again, again.connections[0] as Connection)).toBeUndefined();
  await again.server.end("SIGTERM");
  const sql = new Database(path);
  expect(sql.pragma("integrity_check", { simple: true })).toBe("ok");
  sql.close();
});
