// A copy that is killed, or told to end, goes on where it was; one whose source changes is of the moment at
// which it began; and one whose rows were changed on the way does not pass its proof.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { ArtistSchema } from "../../gen/chinook/v1/artist_pb.ts";
import { StoreError } from "../../src/errors.ts";
import { makeSqliteFile, storeIn } from "../contract/sqlite-store.ts";
import { creating, sale } from "../contract/support.ts";
import { makeEmptyDatabase } from "../postgres/empty.ts";
import { runCli } from "../service/cli.ts";
import { openSql } from "../service/support.ts";
import { tempDir } from "../support/temp.ts";
import { REPO_ROOT } from "../support/tools.ts";
import { findingsOf } from "../support/verified.ts";
import { type CopyReport, copyDatabase, hashesOf } from "./copying.ts";

const newFile = () => join(tempDir(), "copy.db");

/** A file with that many artists, without bytes, and an invoice. */
async function makeSource(artists: number) {
  const path = await makeSqliteFile(onTestFinished);
  const database = storeIn(path, onTestFinished).open();
  await database.commit(sale(3));
  await database.commit([creating(ArtistSchema, { displayName: "A" }, 1_000_000n)]);
  await database.close();
  const sql = openSql(path);
  sql.exec(
    `WITH RECURSIVE n (x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM n LIMIT ${artists})
     INSERT INTO artists (ArtistId, Name) SELECT x, 'name ' || x FROM n`,
  );
  return { path, sql };
}

/** Holds that the command has printed the hashes of another copy. */
function expectHashes(stdout: string, other: CopyReport): void {
  for (const [name, hash] of Object.entries(hashesOf(other))) {
    expect(stdout).toMatch(new RegExp(`^${name} .* equal +${hash}$`, "m"));
  }
}

test("a copy that is killed goes on where it was, and is the same", async () => {
  const { path } = await makeSource(2_500);
  const { url, other, drop } = await makeEmptyDatabase();
  onTestFinished(drop);
  const child = spawn(process.execPath, ["src/main.ts", "copy", path, url], { cwd: REPO_ROOT });
  const ended = once(child, "close");
  const read = async (what: string) =>
    (await other.all({ sql: `SELECT ${what}`, parameters: [] }))[0]?.[0];
  while ((await read("to_regclass('store_copy')::text")) === null) await sleep(1);
  // The lines of invoices come after the artists.
  await other.script("BEGIN; LOCK TABLE invoice_items IN SHARE ROW EXCLUSIVE MODE");
  while ((await read("count(*) FROM pg_locks WHERE NOT granted")) === 0n) await sleep(1);
  child.kill("SIGKILL");
  expect(await ended).toEqual([null, "SIGKILL"]);
  await other.script("ROLLBACK");
  expect(await read("count(*) FROM artists")).toBe(2_501n);
  const rest = await runCli("copy", path, url);
  expect(rest).toMatchObject({
    code: 0,
    stderr: "",
    stdout: expect.stringContaining("goes on with"),
  });
  const back = await copyDatabase(url, newFile());
  expect(back).toMatchObject({ problems: [], error: undefined });
  expectHashes(rest.stdout, back);
});

test("a file that is copied into until told to end goes on, and not with other rows", async () => {
  const { path, sql } = await makeSource(3_000);
  const to = newFile();
  const stop = new StoreError("CANCELLED", "told to end");
  const stopAfter = (rows: number) => ({
    onRows(done: number) {
      if (done >= rows) throw stop;
    },
  });
  expect(await copyDatabase(path, to, stopAfter(1_000))).toMatchObject({ error: stop });
  expect(await copyDatabase(to, newFile())).toMatchObject({
    error: { code: "SCHEMA_MISMATCH", message: expect.stringContaining("an unfinished copy") },
  });
  expect(await copyDatabase(path, to, stopAfter(3_005))).toMatchObject({
    isResumed: true,
    error: stop,
  });
  openSql(to).exec("DELETE FROM track_search");
  const whole = await runCli("copy", path, to);
  expect(whole).toMatchObject({ code: 0, stderr: "" });
  expectHashes(whole.stdout, await copyDatabase(path, newFile()));
  expect(await findingsOf(to)).toEqual([]);
  const other = newFile();
  await copyDatabase(path, other, stopAfter(1_000));
  sql.exec("UPDATE artists SET Name = 'other' WHERE ArtistId = 1");
  expect(await copyDatabase(path, other)).toMatchObject({
    error: { code: "NOT_COPYABLE", message: expect.stringContaining("of other rows") },
  });
});

test("what is written while it is copied is not in the copy, from either kind of database", async () => {
  const { path, sql } = await makeSource(10);
  const before = hashesOf(await copyDatabase(path, newFile()));
  const { url, other, drop } = await makeEmptyDatabase();
  onTestFinished(drop);
  const statements =
    "UPDATE artists SET Name = 'late'; DELETE FROM invoice_items; INSERT INTO artists (ArtistId) VALUES (77)";
  const toServer = await copyDatabase(path, url, { begun: async () => void sql.exec(statements) });
  expect(toServer).toMatchObject({ problems: [], error: undefined });
  expect(hashesOf(toServer)).toEqual(before);
  const begun = () => other.script(statements);
  const toFile = await copyDatabase(url, newFile(), { begun });
  expect(toFile).toMatchObject({ problems: [], error: undefined });
  expect(hashesOf(toFile)).toEqual(before);
  expect(hashesOf(await copyDatabase(url, newFile()))).not.toEqual(before);
});

test("a copy that is not what the source is does not pass: each row is named", async () => {
  const { path } = await makeSource(5);
  const unseen = "UPDATE store_state SET writing = 1";
  const seen = "UPDATE store_state SET writing = 0";
  const to = newFile();
  const harm = (sql: string) => async () => {
    openSql(to).exec(`BEGIN; ${unseen}; ${sql}; ${seen}; COMMIT`);
  };
  const copied = harm(`
    UPDATE artists SET Name = 'other' WHERE ArtistId IN (2, 1000000);
    DELETE FROM artists WHERE ArtistId = 3;
    INSERT INTO artists (ArtistId) VALUES (9);
    UPDATE invoice_items SET Quantity = 7 WHERE InvoiceLineId = 2;
    UPDATE tracks SET wire = x'00';
    INSERT INTO id_high_water VALUES ('tracks', 7)`);
  const { problems, tables } = await copyDatabase(path, to, { copied });
  expect([...problems].sort()).toEqual([
    "artists/1000000: its bytes differ from its columns and JSON",
    "artists/2: is another in the copy",
    "artists/3: is missing in the copy",
    "artists/9: is in the copy only",
    "id_high_water: has 2 rows, and 0 in the source",
    "invoice_items 2: is another in the copy",
    "invoices/1: its bytes differ from its columns and JSON",
    "tracks/1: is another in the copy",
    "tracks/1: its stored bytes are damaged",
  ]);
  const differing = tables.filter(({ isEqual }) => !isEqual).map(({ name }) => name);
  expect(differing.sort()).toEqual(["artists", "id_high_water", "invoice_items", "tracks"]);
  expect((await runCli("copy", path, to)).stdout).toContain("artists/3: is missing in the copy");
});

test("of two that copy into one database the first gives way, or the second waits in vain", async () => {
  const { path } = await makeSource(10);
  const { url, drop } = await makeEmptyDatabase();
  onTestFinished(drop);
  const stop = new StoreError("CANCELLED", "told to end");
  const onRows = () => {
    throw stop;
  };
  const takingOver = { begun: async () => void (await copyDatabase(path, url, { onRows })) };
  const inUse = { error: { code: "DATABASE_IN_USE" } };
  expect(await copyDatabase(path, url, takingOver)).toMatchObject(inUse);
  const finishing = {
    begun: async () => {
      expect(await copyDatabase(path, url)).toMatchObject({ isResumed: true, error: undefined });
    },
  };
  expect(await copyDatabase(path, url, finishing)).toMatchObject(inUse);
  const to = newFile();
  let locked: unknown;
  await copyDatabase(path, to, {
    begun: async () => {
      locked = (await copyDatabase(path, to)).error;
    },
  });
  expect(locked).toMatchObject({ code: "MIGRATION_LOCKED" });
});
