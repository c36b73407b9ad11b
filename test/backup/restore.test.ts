// A backup is restored whole or not at all: whatever is wrong with it, or with the place for it, leaves
// the database as it was; and what was there is kept with its log.

import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import { proveDatabase } from "../../src/database/sqlite/backup/prove.ts";
import { restoreBackup } from "../../src/database/sqlite/backup/restore.ts";
import { runCli, startServerProcess } from "../service/cli.ts";
import { openSql } from "../service/support.ts";
import { runService, startTestService } from "../support/service.ts";
import { makeTempDir, tempDir } from "../support/temp.ts";
import { artistsIn, backUp, damageRow, dataOf, EXPECTED } from "./support.ts";

let source: string;
let served: string;

/** A backup of the fixtures, and a file that was served and is served no more. */
beforeAll(async () => {
  source = makeTempDir();
  served = join(source, "served.db");
  const service = await runService({ database: served, fixtures: true });
  await backUp(served, source, "good");
  await service.stop();
  return () => rmSync(source, { recursive: true, force: true });
});

/** Copies of both, for a test to do with as it likes. */
function copies() {
  const folder = tempDir();
  const [backup, database] = [dataOf(folder, "good"), join(folder, "data", "x.db")];
  mkdirSync(join(folder, "data"));
  copyFileSync(dataOf(source, "good"), backup);
  copyFileSync(join(source, "good.json"), join(folder, "good.json"));
  copyFileSync(served, database);
  return { folder, backup, database, manifest: join(folder, "good.json") };
}

const restore = (backup: string, database: string) =>
  restoreBackup(backup, database, { expected: EXPECTED, lockTimeoutMs: 2_000 }, () => {});

function contentOf(folder: string): ReadonlyMap<string, string> {
  const names = readdirSync(folder).filter((name) => !name.endsWith("-migrate"));
  return new Map(names.map((name) => [name, readFileSync(join(folder, name), "latin1")]));
}

test("a killed server's database is kept with its log, and the backup is served in its place", async () => {
  const { backup, database } = copies();
  const server = await startServerProcess("--database", database);
  const { connect } = await import("../../src/client/client.ts");
  const connection = connect(server.address);
  onTestFinished(() => connection.close());
  const artists = connection.service(ArtistService);
  const { name } = await artists.createArtist({ artist: { displayName: "lost if the log is" } });
  await server.end("SIGKILL");
  const before = contentOf(join(database, ".."));
  expect(before.get("x.db-wal")?.length).toBeGreaterThan(0);
  const { code, stdout, stderr } = await runCli("restore", backup, "--database", database);
  expect([code, stderr]).toEqual([0, ""]);
  const kept = /is now (.*)$/m.exec(stdout)?.[1] ?? "";
  expect(readFileSync(kept, "latin1")).toBe(before.get("x.db"));
  expect(readFileSync(`${kept}-wal`, "latin1")).toBe(before.get("x.db-wal"));
  expect(existsSync(`${database}-wal`)).toBe(false);
  expect(readFileSync(database, "latin1")).toBe(readFileSync(backup, "latin1"));
  const old = await startTestService({ database: kept });
  const reading = old.connection.service(ArtistService);
  expect((await reading.getArtist({ name })).displayName).toBe("lost if the log is");
  const next = await startTestService({ database });
  await expect(next.connection.service(ArtistService).getArtist({ name })).rejects.toThrow();
});

test("a new place gets one too, in a folder that is made", async () => {
  const { backup, folder } = copies();
  const database = join(folder, "new", "folder", "y.db");
  expect(await restore(backup, database)).toMatchObject({ kept: undefined });
  await proveDatabase(database, EXPECTED, () => {});
  expect(readdirSync(join(database, "..")).sort()).toEqual(["y.db", "y.db-migrate"]);
});

test("what a link leads to is replaced, and not the link", async () => {
  const { backup, database, folder } = copies();
  const link = join(folder, "link.db");
  symlinkSync(database, link);
  const { kept } = await restore(backup, link);
  expect(kept?.startsWith(database)).toBe(true);
});

test.for(["garbage", "nothing in it", "no header"])(
  "a database is replaced that is %s",
  async (kind) => {
    const { backup, database } = copies();
    if (kind === "nothing in it") truncateSync(database);
    else if (kind === "garbage") writeFileSync(database, "x".repeat(10_000));
    else {
      const bytes = readFileSync(database);
      writeFileSync(database, Buffer.concat([Buffer.alloc(100), bytes.subarray(100)]));
    }
    const before = readFileSync(database, "latin1");
    const { kept = "" } = await restore(backup, database);
    expect(readFileSync(kept, "latin1")).toBe(before);
    await proveDatabase(database, EXPECTED, () => {});
  },
);

describe("a database that is in use is left alone", () => {
  test("by a server, which goes on", async () => {
    const { backup, database } = copies();
    const server = await startServerProcess("--database", database);
    const namesOf = () => [...contentOf(join(database, "..")).keys()].sort();
    const before = namesOf();
    const { code, stderr } = await runCli("restore", backup, "--database", database);
    expect([code, stderr]).toEqual([1, expect.stringContaining("is open in another process")]);
    expect(namesOf()).toEqual(before);
    const { connect } = await import("../../src/client/client.ts");
    const connection = connect(server.address);
    onTestFinished(() => connection.close());
    await connection.service(ArtistService).createArtist({ artist: { displayName: "still here" } });
    const log = server.output().stderr;
    expect(log).not.toContain("DATABASE_REPLACED");
  });

  test.for(["wal", "delete"])("by another program, with journal_mode = %s", async (mode) => {
    const { backup, database } = copies();
    const sql = openSql(database);
    sql.pragma(`journal_mode = ${mode}`);
    sql.exec("BEGIN");
    sql.prepare("SELECT count(*) FROM artists").get();
    const before = contentOf(join(database, ".."));
    await expect(restore(backup, database)).rejects.toMatchObject({ code: "DATABASE_IN_USE" });
    expect(contentOf(join(database, ".."))).toEqual(before);
  });

  test("by a server whose file somebody has overwritten", async () => {
    const { backup, database } = copies();
    await startServerProcess("--database", database);
    writeFileSync(database, "x".repeat(10_000), { flag: "r+" });
    const { code, stderr } = await runCli("restore", backup, "--database", database);
    expect([code, stderr]).toEqual([1, expect.stringContaining("is open in another process")]);
  });

  test("by a migration", async () => {
    const { backup, database } = copies();
    const holder = openSql(makeLock(database));
    holder.exec("BEGIN EXCLUSIVE");
    await expect(restore(backup, database)).rejects.toMatchObject({ code: "MIGRATION_LOCKED" });
  });
});

function makeLock(database: string): string {
  writeFileSync(`${database}-migrate`, "");
  return `${database}-migrate`;
}

/** What may have become of a backup. */
const HARMS: Readonly<Record<string, (files: ReturnType<typeof copies>) => void>> = {
  "is cut": ({ backup }) => truncateSync(backup, 400_000),
  "is longer": ({ backup }) => writeFileSync(backup, "x", { flag: "a" }),
  "is another's": ({ backup }) => copyFileSync(served, backup),
  "has no manifest": ({ manifest }) => rmSync(manifest),
  "has an empty manifest": ({ manifest }) => writeFileSync(manifest, ""),
  "has a manifest of something else": ({ manifest }) => writeFileSync(manifest, "{}"),
  "has a manifest that is a list": ({ manifest }) => writeFileSync(manifest, "[1]"),
  "has a manifest of nothing": ({ manifest }) => writeFileSync(manifest, "null"),
  "says another revision": ({ manifest }) => edit(manifest, /"revision": "\d+"/, '"revision": "9"'),
  "says other rows": ({ manifest }) => edit(manifest, /"artists": \d+/, '"artists": 1'),
  "says another hash": ({ manifest }) => edit(manifest, /"sha256": "../, '"sha256": "zz'),
  "is not there": ({ backup }) => rmSync(backup),
  "is a main file without its log": (files) => {
    const sql = openSql(files.database);
    sql.pragma("wal_autocheckpoint = 0");
    sql.exec("UPDATE genres SET Name = 'in the log only' WHERE GenreId = 1");
    copyFileSync(files.database, files.backup);
    sql.close();
  },
  "has a name that none has": (files) => renameSync(files.backup, join(files.folder, "Good.db")),
};

function edit(path: string, from: RegExp, to: string): void {
  const text = readFileSync(path, "utf8");
  expect(text).toMatch(from);
  writeFileSync(path, text.replace(from, to));
}

test.for(Object.keys(HARMS))("a backup that %s is refused, and the database left", async (kind) => {
  const files = copies();
  HARMS[kind]?.(files);
  const before = contentOf(join(files.database, ".."));
  await expect(restore(files.backup, files.database)).rejects.toMatchObject({
    code: "BACKUP_INVALID",
  });
  expect(contentOf(join(files.database, ".."))).toEqual(before);
});

test("any flipped bit of a backup is found, by its command too", async () => {
  const { backup, folder } = copies();
  const bytes = readFileSync(backup);
  for (let turn = 0; turn < 40; turn++) {
    const flipped = Buffer.from(bytes);
    const at = (turn * 7_919_993 + turn) % bytes.length;
    flipped[at] = (flipped[at] ?? 0) ^ (1 << (turn % 8));
    writeFileSync(backup, flipped);
    await expect(restore(backup, join(folder, "new.db"))).rejects.toMatchObject({
      code: "BACKUP_INVALID",
    });
    if (turn > 1) continue;
    const { code, stdout } = await runCli("backup", "verify", backup);
    expect([code, stdout]).toEqual([1, expect.stringContaining("SHA-256")]);
  }
  writeFileSync(backup, bytes);
  const { code, stdout } = await runCli("backup", "verify", folder);
  expect([code, stdout]).toEqual([0, expect.stringMatching(/good\.db: whole, revision 1$/m)]);
});

test("a value that was changed before the backup was made is found without any manifest", async () => {
  const { database } = copies();
  const sql = openSql(database);
  damageRow(sql);
  sql.pragma("wal_checkpoint(TRUNCATE)");
  sql.close();
  await expect(proveDatabase(database, EXPECTED, () => {})).rejects.toMatchObject({
    code: "DATABASE_CORRUPT",
    message: expect.stringContaining("artists/7"),
  });
  expect(artistsIn(database).artists.get(7n)).toBe("not what is in its bytes");
});
