// golang-migrate's command and ours over one PostgreSQL database: in turns, and at once, since its lock is
// ours. Skips where the command is not there.

import { execFile, spawnSync } from "node:child_process";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { CHINOOK_POSTGRES_MIGRATIONS } from "../../src/chinook/migrations.ts";
import { readMigrationFiles } from "../../src/database/migrations/files.ts";
import { createPostgresMigrator } from "../../src/database/postgres/migrate/migrator.ts";
import { readSchemaObjects } from "../../src/database/postgres/migrate/schema-objects.ts";
import { makeEmptyDatabase } from "../postgres/empty.ts";
import { outsideTool } from "../support/tools.ts";
import { LOCK, tempFolder, writeMigrations } from "./support.ts";

const program = findProgram();

/** The command, if it is there and knows PostgreSQL. */
function findProgram(): string | undefined {
  const found = outsideTool("migrate");
  if (found === undefined) return undefined;
  const { stderr } = spawnSync(found, ["-help"], { encoding: "utf8" });
  if (/^Database drivers:.*\bpostgres\b/m.test(stderr)) return found;
  const reason = "migrate was built without the tag postgres";
  if (process.env.REQUIRE_TOOLS === "1") throw new Error(reason);
  console.warn(`${reason}: the tests that need it are skipped`);
  return undefined;
}

async function start(dir = CHINOOK_POSTGRES_MIGRATIONS) {
  const empty = await makeEmptyDatabase();
  onTestFinished(() => empty.drop());
  const { url, other } = empty;
  const pluck = async (sql: string) =>
    (await other.all({ sql, parameters: [] })).map(([value]) => value);
  return {
    ours: (lockTimeoutMs = LOCK.lockTimeoutMs) =>
      createPostgresMigrator(url, { files: readMigrationFiles(dir), lockTimeoutMs }),
    /** What golang-migrate's command says. */
    async theirs(...words: string[]): Promise<string> {
      const args = ["-path", dir, "-database", `${url}?sslmode=disable`, ...words];
      const { stdout, stderr } = await promisify(execFile)(program ?? "", args);
      return `${stdout}${stderr}`.trim();
    },
    script: other.script,
    state: () => pluck("SELECT version || ' ' || dirty FROM schema_migrations"),
    log: () => pluck("SELECT version || ' ' || kind FROM schema_migrations_log ORDER BY version"),
    schema: async () => JSON.stringify(await readSchemaObjects(other)),
  };
}

test.skipIf(!program)("they take turns on the package's own migrations", async () => {
  const { ours, theirs, state, log, schema } = await start();
  await theirs("up", "1");
  expect(await ours().up({})).toMatchObject({ from: 1n, to: 5n });
  expect(await log()).toEqual(["1 recorded", "2 applied", "4 applied", "5 applied"]);
  expect(await theirs("version")).toBe("5");
  const made = await schema();
  await theirs("down", "1");
  expect((await ours().status()).pending).toEqual(["000005_indexes"]);
  expect(await ours().down({})).toMatchObject({ from: 4n, to: 2n });
  expect(await log()).toEqual(["1 recorded", "2 applied"]);
  await theirs("up");
  expect(await ours().up({})).toMatchObject({ from: 5n, to: 5n, migrations: [] });
  expect(await log()).toEqual(["1 recorded", "2 applied", "4 recorded", "5 recorded"]);
  expect(JSON.parse(await schema())).toHaveLength(JSON.parse(made).length);
  expect(await ours().down({ steps: "all" })).toMatchObject({ to: 0n });
  expect(await state()).toEqual([]);
  await theirs("up");
  expect(await state()).toEqual(["5 false"]);
});

test.skipIf(!program)("each refuses what the other left dirty", async () => {
  const dir = writeMigrations(tempFolder(), {
    "1_a": ["CREATE TABLE a (x int);", "DROP TABLE a;"],
    "2_b": ["-- protostore: no-transaction\nINSERT INTO nowhere VALUES (1);", ""],
  });
  const { ours, theirs, state } = await start(dir);
  const dirty = { code: "MIGRATION_DIRTY" };
  await expect(ours().up({})).rejects.toMatchObject(dirty);
  expect(await state()).toEqual(["2 true"]);
  await expect(theirs("up")).rejects.toThrow("Dirty database version 2");
  await ours().force(1n);
  await expect(theirs("up")).rejects.toThrow("nowhere");
  await expect(ours().up({})).rejects.toMatchObject(dirty);
  await expect(ours().down({})).rejects.toMatchObject(dirty);
  await theirs("force", "1");
  expect(await ours().up({ target: 1n })).toMatchObject({ from: 1n, to: 1n });
});

test.skipIf(!program)("at once, one waits for the other, and finds it done", async () => {
  const slow = "SELECT pg_sleep(0.05);\n";
  const dir = writeMigrations(tempFolder(), {
    "1_a": [`${slow}CREATE TABLE a (x int);`, "DROP TABLE a;"],
    "2_b": [`${slow}ALTER TABLE a ADD COLUMN y int;`, ""],
  });
  const { ours, theirs, state, script } = await start(dir);
  const [{ to }] = await Promise.all([ours().up({}), theirs("up")]);
  expect(to).toBe(2n);
  expect(await state()).toEqual(["2 false"]);

  await ours().down({ steps: "all" });
  await ours().up({ target: 1n });
  await script("BEGIN; LOCK TABLE a");
  const waiting = theirs("up");
  await expect.poll(async () => (await ours().status()).dirty, { timeout: 20_000 }).toBe(true);
  await expect(ours(20).up({})).rejects.toMatchObject({
    code: "MIGRATION_LOCKED",
    message: expect.stringContaining("gave up after 20 ms"),
  });
  await script("COMMIT");
  await waiting;
  expect(await ours().up({})).toMatchObject({ from: 2n, to: 2n });
});
