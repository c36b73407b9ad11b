import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { openConnection } from "../../src/database/sqlite/connection/connection.ts";
import { migrateUp, readMigrationFiles } from "../support/migrate.ts";

import {
  LOCK,
  pluck,
  pragma,
  startMigrator,
  tempFolder,
  withConnection,
  writeMigrations,
} from "./support.ts";

const ROUNDS = 20;
const PROCESSES = 8;
const KILLS = 50;
const FILES = 5;
const ROWS = 12_000;

/** Migrations that take a while; each makes two tables with rows, in several statements. */
function slowMigrations(): Record<string, readonly [string, string]> {
  const pairs = Array.from({ length: FILES }, (_, index) => {
    const n = index + 1;
    const rows = `WITH RECURSIVE r (x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM r LIMIT ${ROWS})`;
    const up = ["a", "b"].map(
      (t) =>
        `CREATE TABLE ${t}${n} (x INTEGER PRIMARY KEY, y TEXT);\n` +
        `${rows} INSERT INTO ${t}${n} SELECT x, hex(x * 7919) FROM r;\n`,
    );
    return [`00000${n}_step`, [up.join(""), `DROP TABLE a${n};\nDROP TABLE b${n};`]] as const;
  });
  return Object.fromEntries(pairs);
}

test(`${PROCESSES} processes migrate a fresh file at once, ${ROUNDS} times: each file once`, {
  timeout: 240_000,
}, async () => {
  const folder = tempFolder();
  const expected = readMigrationFiles().map(({ name }) => `applied ${name}`);
  for (let round = 0; round < ROUNDS; round++) {
    const database = join(folder, `${round}.db`);
    const migrators = Array.from({ length: PROCESSES }, () => startMigrator("up", database));
    const results = await Promise.all(migrators.map(({ ended }) => ended));
    for (const result of results) expect(result).toMatchObject({ code: 0 });
    const applied = results.flatMap(({ output }) => output.match(/^applied .*$/gm) ?? []);
    expect(applied).toEqual(expected);
    expect(pragma(database, "integrity_check")).toBe("ok");
    expect(pragma(database, "journal_mode")).toBe("wal");
  }
});

test(`a migrator killed at random, ${KILLS} times: the next run completes unaided`, {
  timeout: 240_000,
}, async () => {
  const folder = tempFolder();
  const dir = writeMigrations(folder, slowMigrations());
  const files = readMigrationFiles(dir);

  const rehearsal = startMigrator("up", join(folder, "rehearsal.db"), dir);
  await rehearsal.working;
  const started = performance.now();
  expect(await rehearsal.ended).toMatchObject({ code: 0 });
  const durationMs = performance.now() - started;

  let interrupted = 0;
  for (let round = 0; round < KILLS; round++) {
    const database = join(folder, `${round}.db`);
    const { child, working, ended } = startMigrator("up", database, dir);
    await working;
    await sleep(Math.random() * durationMs);
    child.kill("SIGKILL");
    await ended;

    const version = Number(pluck(database, "SELECT version FROM schema_migrations")[0] ?? 0);
    if (version < FILES) interrupted += 1;
    // What is there is exactly what the version says: old or new, nothing between.
    expect(tablesOf(database)).toEqual(
      files.slice(0, version).flatMap(({ version: n }) => full(n)),
    );
    await migrateUp(database, { ...LOCK, files });
    expect(tablesOf(database)).toEqual(files.flatMap(({ version: n }) => full(n)));
    expect(pluck(database, "SELECT version FROM schema_migrations_log")).toHaveLength(FILES);
    expect(pragma(database, "integrity_check")).toBe("ok");
  }
  console.info(`${interrupted} of ${KILLS} kills came before the last migration was done`);
  expect(interrupted).toBeGreaterThan(KILLS / 10);
});

function full(version: bigint): string[] {
  return [`a${version} ${ROWS}`, `b${version} ${ROWS}`];
}

function tablesOf(database: string): string[] {
  return withConnection(database, (connection) => {
    const names = connection
      .prepare(
        "SELECT name FROM sqlite_schema WHERE name GLOB '[ab][0-9]' ORDER BY substr(name, 2), name",
      )
      .pluck()
      .all() as string[];
    return names.map(
      (name) => `${name} ${connection.prepare(`SELECT count(*) FROM ${name}`).pluck().get()}`,
    );
  });
}

test("who waits longer than the timeout for another migrator is told so", async () => {
  const folder = tempFolder();
  const database = join(folder, "a.db");
  await migrateUp(database, { ...LOCK, target: 1 });
  const other = openConnection(`${database}-migrate`, { busyTimeoutMs: 0 });
  other.exec("BEGIN EXCLUSIVE");
  const refused = { code: "MIGRATION_LOCKED", message: expect.stringContaining("100 ms") };
  await expect(migrateUp(database, { lockTimeoutMs: 100 })).rejects.toMatchObject(refused);
  expect(pluck(database, "SELECT version FROM schema_migrations")).toEqual([1n]);
  other.close();
  await migrateUp(database, LOCK);
});

test("a migration waits for a program that is writing, and gives up with nothing changed", async () => {
  const folder = tempFolder();
  const database = join(folder, "a.db");
  await migrateUp(database, { ...LOCK, target: 1 });
  const writer = openConnection(database, { busyTimeoutMs: 0 });
  writer.exec("BEGIN IMMEDIATE");
  await expect(migrateUp(database, { lockTimeoutMs: 100 })).rejects.toMatchObject({
    code: "MIGRATION_LOCKED",
  });
  const waiting = migrateUp(database, LOCK);
  await sleep(50);
  writer.exec("COMMIT");
  expect(await waiting).toMatchObject({ from: 1n });
  writer.close();
});
