// What is recorded of a commit is what it has changed: played over the rows that were there before, it
// gives the rows that are there after, whichever way they were written and whatever was taken back.

import { join } from "node:path";
import { toBinary } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { anyPack } from "@bufbuild/protobuf/wkt";
import pino from "pino";
import { expect, onTestFinished, test } from "vitest";
import { type Random, randomFrom } from "../../conformance/seeded.ts";
import { openSuite } from "../../conformance/suite.ts";
import { AlbumService } from "../../gen/chinook/v1/album_pb.ts";
import { ArtistSchema, ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import { DatabaseService } from "../../gen/protostore/v1/database_service_pb.ts";
import { StoreService } from "../../gen/protostore/v1/store_service_pb.ts";
import { METHODS } from "../../src/chinook/methods.ts";
import { playlistTrackOperations } from "../../src/chinook/playlists/playlist-fixtures.ts";
import { RESOURCES } from "../../src/chinook/resources.ts";
import { systemClock } from "../../src/clock.ts";
import type { Change } from "../../src/database/change.ts";
import type { CommitOptions, Database, Operation } from "../../src/database/database.ts";
import type { Outcome, PendingCommit } from "../../src/database/sql/write/group.ts";
import {
  type Connection,
  openConnection,
} from "../../src/database/sqlite/connection/connection.ts";
import { createCommitter } from "../../src/database/sqlite/writer/group-commit.ts";
import { loadFixtures } from "../../src/fixtures.ts";
import { reflectionServices } from "../../src/grpc/reflection.ts";
import { startServer } from "../../src/grpc/server.ts";
import { assembleServices, createHandlerTools, implement } from "../../src/handlers/services.ts";
import { storeMethods } from "../../src/handlers/store-service.ts";
import { DEFAULT_LIMITS } from "../../src/limits.ts";
import type { ResourcePlan } from "../../src/schema/plan.ts";
import { registryOf } from "../../src/schema/registry.ts";
import { formatName } from "../../src/schema/resource-name.ts";
import { makeSqliteFile, storeIn } from "../contract/sqlite-store.ts";
import { creating, PLANS } from "../contract/support.ts";
import { connect } from "../grpc/support.ts";
import { exportAll, importAll } from "../service/store-streams.ts";
import { clearServerFields, makeResource } from "../support/arbitrary-resource.ts";
import { startTestService } from "../support/service.ts";
import { REPO_ROOT } from "../support/tools.ts";

const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 31);
const REGISTRY = registryOf(RESOURCES.map(({ resource }) => resource));
const FIXTURES = join(REPO_ROOT, "fixtures");

/** The revision of every row of every resource, by its name in the database. */
type Rows = ReadonlyMap<string, bigint>;

const nameOf = ({ table }: ResourcePlan, key: bigint) => `${table} ${key}`;

function readRows(connection: Connection): Rows {
  const rows = new Map<string, bigint>();
  for (const plan of PLANS) {
    const sql = `SELECT ${plan.sql.key}, coalesce(revision, 0) FROM ${plan.sql.table}`;
    const found = connection.prepare<[], [bigint, bigint]>(sql).raw().all();
    for (const [key, revision] of found) rows.set(nameOf(plan, key), revision);
  }
  return rows;
}

/** The rows after the changes; what cannot have been is told. */
function play(changes: readonly Change[], before: Rows, tell: (wrong: string) => void): Rows {
  const rows = new Map(before);
  for (const { kind, plan, rows: changed } of changes) {
    for (const { key, revision } of changed) {
      const name = nameOf(plan, key);
      if (rows.has(name) === (kind === "create")) tell(`${kind} of ${name}`);
      if (kind === "delete") rows.delete(name);
      else rows.set(name, revision);
    }
  }
  return rows;
}

/** Names and revisions that are not the same in both. */
function differences(recorded: Rows, found: Rows): string[] {
  return [...new Set([...recorded.keys(), ...found.keys()])]
    .filter((name) => recorded.get(name) !== found.get(name))
    .map((name) => `${name}: recorded ${recorded.get(name)}, found ${found.get(name)}`);
}

interface Asked extends CommitOptions {
  readonly operations: readonly Operation[];
}

/** A database of this thread's own, whose commits are compared with what they record. */
async function openWatched() {
  const path = await makeSqliteFile(onTestFinished);
  const database = storeIn(path, onTestFinished).open();
  const connection = openConnection(path, { busyTimeoutMs: 5_000 });
  onTestFinished(() => {
    connection.close();
  });
  const commitGroup = createCommitter(connection, {
    plans: PLANS,
    registry: REGISTRY,
    messageBytesMax: DEFAULT_LIMITS.sendMessageBytes,
    answerBytesMax: DEFAULT_LIMITS.sendMessageBytes,
    requestRetentionMs: 60_000,
    clock: systemClock,
  });
  const wrong: string[] = [];
  const all: Change[] = [];
  let nextId = 0;

  /** Carries out commits as one group. */
  function commitAll(group: readonly Asked[]): { outcomes: Outcome[]; changes: Change[] } {
    const before = readRows(connection);
    const outcomes: Outcome[] = [];
    const changes: Change[] = [];
    const pending = group.map(
      ({ operations, validateOnly = false, request, answered = true }): PendingCommit => {
        const times = { deadlineMs: Number.POSITIVE_INFINITY, giveUpMs: 0 };
        return { id: nextId++, operations, validateOnly, request, answered, ...times };
      },
    );
    commitGroup(pending, (ended, changed = []) => {
      outcomes.push(...ended);
      changes.push(...changed);
    });
    const played = play(changes, before, (what) => wrong.push(what));
    wrong.push(...differences(played, readRows(connection)));
    const given = new Set(outcomes.flatMap((each) => (each.error ? [] : each.commit.revision)));
    for (const { revision } of changes.flatMap(({ rows }) => rows)) {
      if (!given.has(revision)) wrong.push(`revision ${revision}, which no commit has`);
    }
    all.push(...changes);
    return { outcomes, changes };
  }

  const commit: Database["commit"] = async (operations, options = {}) => {
    const { outcomes, changes } = commitAll([{ ...options, operations }]);
    const names = changes.flatMap(({ plan, rows }) => rows.map(({ key }) => nameOf(plan, key)));
    // Nothing that the standard methods do writes a row twice.
    if (new Set(names).size < names.length) wrong.push(`twice: ${names.join(", ")}`);
    const [outcome] = outcomes;
    if (!outcome) throw new Error("the commit was not reported");
    if (outcome.error) throw outcome.error;
    return outcome.commit;
  };
  const watched: Database = { ...database, commit };
  await loadFixtures(watched, PLANS, REGISTRY, FIXTURES, playlistTrackOperations);
  return { connection, database: watched, commitAll, all, wrong };
}

/** Serves a database, and gives the address. */
async function serveIt(database: Database): Promise<string> {
  const limits = DEFAULT_LIMITS;
  const tools = createHandlerTools(database, PLANS, REGISTRY, limits);
  const own = [...METHODS, implement(StoreService, storeMethods)];
  const services = assembleServices(RESOURCES, own, tools);
  const reflecting = reflectionServices(services.map(({ desc }) => desc));
  const server = await startServer({
    services: [...services, ...reflecting],
    address: "127.0.0.1:0",
    limits,
    log: pino({ level: "silent" }),
    errorDomain: "chinook.example.com",
  });
  onTestFinished(server.stop);
  return `127.0.0.1:${server.port}`;
}

/** How many rows of each kind and type there are in the changes. */
function kindsOf(changes: readonly Change[]): readonly string[] {
  return [...new Set(changes.map(({ kind, plan }) => `${plan.desc.name} ${kind}`))].sort();
}

const EVERY_KIND = PLANS.flatMap(({ desc }) =>
  ["create", "delete", "update"].map((kind) => `${desc.name} ${kind}`),
).sort();

test(`of every law of the standard methods (SEED=${SEED})`, { timeout: 240_000 }, async () => {
  const { database, all, wrong } = await openWatched();
  const suite = await openSuite(await serveIt(database), { seed: SEED });
  for (const { run } of suite.cases) {
    const { outcome, reason } = await run();
    expect(outcome, reason).not.toBe("failed");
  }
  suite.close();
  expect(kindsOf(all)).toEqual(EVERY_KIND);
  expect(wrong).toEqual([]);
});

test("of an import, and of one that fails", async () => {
  const { database, all, wrong } = await openWatched();
  const client = connect(await serveIt(database));
  const count = () => all.flatMap(({ rows }) => rows).length;
  for (const plan of PLANS) {
    const before = count();
    const there = await exportAll(client, { resourceType: plan.resource.type });
    await expect(importAll(client, there)).rejects.toThrow("already");
    expect(count()).toBe(before);
    const fresh = [0, 1, 2].map((i) => {
      const message = makeResource(plan, REGISTRY, SEED + i);
      clearServerFields(plan, message);
      return anyPack(plan.desc, message);
    });
    await importAll(client, fresh);
    expect(count()).toBe(before + 3);
  }
  expect(wrong).toEqual([]);
});

/** Random operations on rows that are there, or may be. */
function operationsMaker(random: Random) {
  let seed = SEED;
  const messageOf = (plan: ResourcePlan, key?: bigint) => {
    const message = makeResource(plan, REGISTRY, seed++);
    const name = key === undefined ? "" : formatName(plan.resource, key);
    reflect(plan.desc, message).set(plan.standard.name, name);
    reflect(plan.desc, message).set(plan.standard.etag, random.chance(0.05) ? '"1"' : "");
    return toBinary(plan.desc, message);
  };
  return (): Operation => {
    const plan = random.pick(PLANS);
    // The first ones stay: random messages refer to them.
    const key = BigInt(2 + random.below(30));
    const path = "it";
    const allowMissing = random.chance(0.5);
    switch (random.below(8)) {
      case 0:
        return { kind: "create", plan, message: messageOf(plan), key, path };
      case 1:
      case 2:
        return {
          kind: "update",
          plan,
          message: messageOf(plan, key),
          mask: ["*"],
          allowMissing,
          path,
        };
      case 3:
      case 4:
        return { kind: "delete", plan, key, etag: "", allowMissing, force: random.chance(0.5) };
      case 5:
        return { kind: random.pick(["check", "fill", "mend"]), plan, key };
      default:
        return { kind: "create", plan, message: messageOf(plan), path };
    }
  };
}

test(`of commits in groups, some of which fail or only validate (SEED=${SEED})`, async () => {
  const { commitAll, all, wrong, connection } = await openWatched();
  const random = randomFrom(SEED);
  const makeOne = operationsMaker(random);
  const several = (most: number) => Array.from({ length: 1 + random.below(most) }, makeOne);
  const makeCommit = (): Asked => ({
    operations: random.chance(0.7) ? [makeOne()] : several(4),
    validateOnly: random.chance(0.1),
    // Some come again, and some are of another request.
    ...(random.chance(0.2) && {
      request: { id: `${random.below(20)}`, digest: new Uint8Array(1) },
    }),
  });
  let [failed, joined] = [0, 0];
  for (let round = 0; round < 60; round++) {
    // Those of one kind are inserted with one statement.
    const plan = random.pick(PLANS);
    const creates = Array.from({ length: random.below(20) }, (_, i): Asked => {
      const message = toBinary(plan.desc, makeResource(plan, REGISTRY, SEED + round * 20 + i));
      return { operations: [{ kind: "create", plan, message, path: "it" }] };
    });
    if (round % 10 === 0) damage(connection, random.pick(PLANS));
    const others = Array.from({ length: random.below(12) }, makeCommit);
    const { outcomes, changes } = commitAll(
      random.chance(0.5) ? [...creates, ...others] : [...others, ...creates],
    );
    failed += outcomes.filter(({ error }) => error).length;
    joined += changes.filter(({ rows }) => rows.length > 1).length;
    expect(wrong).toEqual([]);
  }
  expect(failed).toBeGreaterThan(0);
  expect(joined).toBeGreaterThan(0);
  expect(new Set(all.map(({ kind }) => kind)).size).toBe(3);
});

/** Spoils the bytes of some rows, and takes those of others away, as the server itself would write. */
function damage(connection: Connection, { table }: ResourcePlan): void {
  connection.exec(`BEGIN IMMEDIATE; UPDATE store_state SET writing = 1;
    UPDATE ${table} SET wire = x'00' WHERE rowid % 3 = 0;
    UPDATE ${table} SET wire = NULL WHERE rowid % 3 = 1;
    UPDATE store_state SET writing = 0; COMMIT`);
}

test("of damaged bytes that are taken away, and not of bytes that are filled in", async () => {
  const { commitAll, connection, wrong } = await openWatched();
  for (const plan of PLANS) {
    damage(connection, plan);
    const each = (kind: "mend" | "fill") =>
      [1n, 2n, 3n, 404n].map((key): Asked => ({ operations: [{ kind, plan, key }] }));
    const { changes } = commitAll([...each("mend"), ...each("fill")]);
    expect(changes.map(({ kind, rows }) => [kind, rows.map(({ key }) => key)])).toEqual([
      ["update", [3n]],
    ]);
  }
  expect(wrong).toEqual([]);
});

test("of a group that a trigger of others rolls back, those that stand", async () => {
  const { commitAll, connection, wrong } = await openWatched();
  connection.exec(`CREATE TRIGGER theirs BEFORE INSERT ON artists WHEN NEW.Name = 'last'
    BEGIN SELECT RAISE(ROLLBACK, 'no more'); END`);
  const group = ["A", "B", "last", "C"].map(
    (displayName): Asked => ({ operations: [creating(ArtistSchema, { displayName })] }),
  );
  const { outcomes, changes } = commitAll(group);
  expect(outcomes.map(({ error }) => error === undefined)).toEqual([true, true, false, true]);
  expect(changes.map(({ kind, rows }) => [kind, rows.length])).toEqual([
    ["create", 1],
    ["create", 1],
    ["create", 1],
  ]);
  expect(wrong).toEqual([]);
});

test("is counted by type and kind in the status, of what is committed only", async () => {
  const { connection } = await startTestService();
  const artists = connection.service(ArtistService);
  const requests = ["A", "B", "C"].map((displayName) => ({ artist: { displayName } }));
  await artists.batchCreateArtists({ requests });
  const albums = connection.service(AlbumService);
  await albums.createAlbum({ album: { title: "T", artist: "artists/1" } });
  await expect(
    albums.createAlbum({ album: { title: "T", artist: "artists/9" } }),
  ).rejects.toThrow();
  await artists.createArtist({ artist: { displayName: "D" }, validateOnly: true });
  await artists.updateArtist({ artist: { name: "artists/2", displayName: "b" } });
  await artists.deleteArtist({ name: "artists/1", force: true });
  const { server } = await connection.service(DatabaseService).getDatabaseStatus({});
  expect(server?.changes.map(({ $typeName, ...counts }) => counts)).toEqual([
    {
      resourceType: "chinook.example.com/Artist",
      createdCount: 3n,
      updatedCount: 1n,
      deletedCount: 1n,
    },
    {
      resourceType: "chinook.example.com/Album",
      createdCount: 1n,
      updatedCount: 0n,
      deletedCount: 1n,
    },
  ]);
});
