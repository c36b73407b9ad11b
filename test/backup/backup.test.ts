// Backups have what was acknowledged before them and nothing else, while others write; a name leads nowhere
// but into the folder; and what was killed or refused leaves nothing that looks like a backup.

import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { status } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { DatabaseService } from "../../gen/protostore/v1/database_service_pb.ts";
import { connect } from "../../src/client/client.ts";
import { listBackups } from "../../src/database/sqlite/backup/manifest.ts";
import { proveDatabase } from "../../src/database/sqlite/backup/prove.ts";
import { openClient } from "../access/support.ts";
import { openDatabase } from "../database/writer.ts";
import { callStream, collect } from "../grpc/support.ts";
import { runCli, startServerProcess } from "../service/cli.ts";
import { failureOf, openSql } from "../service/support.ts";
import { startTestService } from "../support/service.ts";
import { tempDir } from "../support/temp.ts";
import { REPO_ROOT } from "../support/tools.ts";
import {
  artistsIn,
  askForBackup,
  backUp,
  backUpBeside,
  damageRow,
  dataOf,
  EXPECTED,
  startArtistWriter,
} from "./support.ts";

const COUNT = 4;

const PATIENT = { timeout: 30_000 };
const LONG = { timeout: 60_000 };

const HOSTILE: readonly string[] = [
  "..",
  ".",
  "../x",
  "../../x",
  "..\\x",
  "x/../y",
  "x/y",
  "x/",
  "/x",
  "/tmp/x",
  "//x",
  "\\x",
  "C:\\x",
  "c:x",
  "./x",
  ".x",
  ".protostore-backups",
  "..x",
  "-x",
  "--to",
  "_x",
  "X",
  "xX",
  "x y",
  " x",
  "x ",
  "x\t",
  "x\n",
  "\nx",
  "x\r\n",
  "x\0",
  "x\0.db",
  "\0",
  "x\u007f",
  "x\u001b[2J",
  "é",
  "e\u0301",
  "ｘ",
  "x\u202e",
  "x\u200b",
  "\ufeffx",
  "🎵",
  "..\u2215x",
  "．．／x",
  "%2e%2e%2fx",
  "%00",
  "~",
  "~/x",
  "~root",
  "$HOME",
  "`id`",
  "$(id)",
  "x;id",
  "x|y",
  "x&y",
  "x>y",
  "x*",
  "x?mode=memory",
  "file:x",
  "file:///tmp/x?vfs=unix",
  ":memory:",
  "x:y",
  "x'y",
  'x"y',
  "x,y",
  "x#y",
  "x".repeat(65),
  "x".repeat(4_096),
  `${"a".repeat(64)}/../../x`,
];

function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();
}

test("hostile names are refused, and put no file anywhere", async () => {
  expect(HOSTILE.length).toBeGreaterThanOrEqual(60);
  const root = tempDir();
  const [database, folder] = [join(root, "data", "x.db"), join(root, "inner", "backups")];
  mkdirSync(dirname(database));
  mkdirSync(folder, { recursive: true });
  const { address } = await startTestService({ database, backups: { folder } });
  const client = openClient(address);
  const before = filesBelow(root);
  for (const name of HOSTILE) {
    const failure = await failureOf(askForBackup(client, name));
    expect(failure, JSON.stringify(name)).toMatchObject({
      reason: "INVALID_FIELD",
      fields: ["name"],
    });
  }
  expect(filesBelow(root)).toEqual(before);
  for (const name of HOSTILE.slice(0, 20)) {
    await expect(backUp(database, folder, name)).rejects.toMatchObject({ code: "INVALID_FIELD" });
  }
  expect(filesBelow(root)).toEqual(before);
  expect(existsSync(join(REPO_ROOT, "x.db"))).toBe(false);
});

test.for(["a file", "a link to a file", "a link to nothing", "another's link", "a folder"])(
  "what is there already is left as it is: %s",
  async (kind) => {
    const root = tempDir();
    const [folder, target] = [join(root, "backups"), join(root, "target")];
    const { path } = await openDatabase();
    mkdirSync(folder);
    writeFileSync(target, "");
    const place = dataOf(folder, "one");
    if (kind === "a file") writeFileSync(place, "");
    else if (kind === "a link to a file") symlinkSync(target, place);
    else if (kind === "a link to nothing") symlinkSync(join(root, "nothing"), place);
    else if (kind === "another's link") linkSync(target, place);
    else mkdirSync(place);
    const before = lstatSync(place, { bigint: true }).ino;
    await expect(backUp(path, folder, "one")).rejects.toMatchObject({ code: "RESOURCE_EXISTS" });
    expect(lstatSync(place, { bigint: true }).ino).toBe(before);
    expect(statSync(target).size).toBe(0);
    expect(filesBelow(root).filter((name) => name.includes("nothing"))).toEqual([]);
  },
);

test("a link where the manifest or the copy will be is not followed", async () => {
  const root = tempDir();
  const [folder, target] = [join(root, "backups"), join(root, "target")];
  const { path } = await openDatabase();
  mkdirSync(folder);
  writeFileSync(target, "mine");
  symlinkSync(target, join(folder, "one.json"));
  symlinkSync(target, join(folder, ".one.protostore-partial"));
  symlinkSync(target, join(folder, ".one.protostore-partial.json"));
  await backUp(path, folder, "one");
  expect(readFileSync(target, "utf8")).toBe("mine");
  expect((await listBackups(folder)).map(({ name }) => name)).toEqual(["one"]);
  for (const name of readdirSync(folder)) {
    const found = lstatSync(join(folder, name));
    expect([name, found.isFile(), found.mode & 0o777]).toEqual([name, true, 0o600]);
  }
  expect(statSync(folder).isDirectory()).toBe(true);
});

test(
  "a copy is not begun anew by the writes of others, and is a prefix of them",
  LONG,
  async () => {
    const folder = tempDir();
    const { path, database, outside } = await openDatabase();
    // So that there is more to copy than is copied in one step.
    outside.exec("CREATE TABLE ballast (bytes BLOB)");
    outside.exec("INSERT INTO ballast VALUES (randomblob(300000)), (randomblob(300000))");
    const writer = startArtistWriter(database);
    const made = [];
    let during = 0;
    for (let index = 0; index < COUNT; index++) {
      const from = writer.acknowledged.at(-1)?.revision ?? 0n;
      const copied: number[] = [];
      let before = 0;
      const manifest = await backUpBeside(path, folder, `n${index}`, 8_000_000, (progress) => {
        if (progress.stage !== "copying") return;
        copied.push(progress.done);
        if (copied.length === 1) before = writer.acknowledged.length;
        else if (progress.done < progress.total) during += writer.acknowledged.length - before;
      });
      // A commit of others does not begin the copy anew.
      expect(copied).toEqual(copied.toSorted((a, b) => a - b));
      expect(BigInt(manifest.revision)).toBeGreaterThanOrEqual(from);
      expect(copied.length).toBeGreaterThan(3);
      made.push(manifest);
    }
    await writer.stop();
    expect(during).toBeGreaterThan(0);
    for (const { name, revision, rows } of made) {
      const found = artistsIn(dataOf(folder, name));
      expect(found.revision).toBe(BigInt(revision));
      expect(found.artists).toEqual(writer.prefix(found.revision));
      expect(rows.artists).toBe(found.artists.size);
      await proveDatabase(dataOf(folder, name), EXPECTED, () => {});
    }
  },
);

test("one that is killed amidst its copy leaves nothing under a final name, and the next one its rest neither", async () => {
  const folder = tempDir();
  const { database } = await startTestService({ fixtures: true });
  const args = ["backup", "--database", database, "--to", folder, "one"];
  const slow = ["--bytes-per-second", "50000"];
  const child = spawn(process.execPath, ["src/main.ts", ...args, ...slow], { cwd: REPO_ROOT });
  await expect.poll(() => readdirSync(folder), PATIENT).toContain(".one.protostore-partial");
  child.kill("SIGKILL");
  await once(child, "exit");
  const left = readdirSync(folder);
  expect(left).toContain(".one.protostore-partial");
  expect(left.filter((name) => !name.startsWith("."))).toEqual([]);
  await backUp(database, folder, "last");
  expect(readdirSync(folder).filter((name) => name.includes("partial"))).toEqual([]);
  expect((await listBackups(folder))[0]?.name).toBe("last");
});

test("a call that is cancelled ends its backup, and nothing is left of it", async () => {
  const folder = tempDir();
  const limits = { backupBytesPerSecond: 50_000 };
  const service = await startTestService({ fixtures: true, backups: { folder }, limits });
  const client = openClient(service.address);
  const call = callStream(client, DatabaseService.method.backupDatabase, { name: "one" });
  const answers = collect(call);
  await expect.poll(() => readdirSync(folder), PATIENT).toContain(".one.protostore-partial");
  const second = await failureOf(askForBackup(client, "two"));
  expect(second).toMatchObject({ code: "UNAVAILABLE", reason: "BACKUP_RUNNING" });
  call.cancel();
  expect((await answers).error?.code).toBe(status.CANCELLED);
  await expect.poll(() => readdirSync(folder), PATIENT).toEqual([".protostore-backups"]);
});

test("without a folder none can be asked for", async () => {
  const { address } = await startTestService();
  expect(await failureOf(askForBackup(openClient(address), "one"))).toMatchObject({
    code: "FAILED_PRECONDITION",
    reason: "BACKUP_UNAVAILABLE",
  });
});

test("a damaged database gets no backup, and keeps those that it has", async () => {
  const folder = tempDir();
  const service = await startTestService({ fixtures: true, backups: { folder } });
  const client = openClient(service.address);
  await askForBackup(client, "good");
  const sql = openSql(service.database);
  damageRow(sql);
  const failure = await failureOf(askForBackup(client, "bad"));
  expect(failure).toMatchObject({ code: "DATA_LOSS", reason: "DATABASE_CORRUPT" });
  expect(filesBelow(folder)).toEqual([".protostore-backups", "good.db", "good.json"]);
});

test("every process of a server makes them and tells of the newest", async () => {
  const folder = tempDir();
  const database = join(tempDir(), "x.db");
  const args = ["--database", database, "--processes", "2", "--backup-dir", folder];
  const server = await startServerProcess(...args);
  const first = connect(server.address);
  const { conditions } = await first.service(DatabaseService).getDatabaseStatus({});
  expect(conditions).toMatchObject([{ message: "there is no backup" }]);
  first.close();
  for (const name of ["a", "b", "c"]) {
    const made = await askForBackup(openClient(server.address), name);
    expect(made).toMatchObject({ name, revision: 0n });
    const connection = connect(server.address);
    const status = await connection.service(DatabaseService).getDatabaseStatus({});
    expect(status).toMatchObject({ backup: made, conditions: [] });
    connection.close();
  }
  const { code, stdout } = await runCli("backup", "--database", database, "--to", folder, "d");
  expect([code, stdout]).toEqual([0, expect.stringContaining(`${folder}/d.db`)]);
  await server.end("SIGTERM");
  expect((await listBackups(folder)).map(({ name }) => name)).toEqual(["d", "c", "b", "a"]);
});
