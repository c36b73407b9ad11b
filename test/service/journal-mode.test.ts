// A file that is not in WAL mode: the mode is set before it is served, or it is not served, whatever
// other programs do with the file meanwhile.

import { copyFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import { connect } from "../../src/client/client.ts";
import { openConnection, readPragma } from "../../src/database/sqlite/connection/connection.ts";
import { migrateUp } from "../support/migrate.ts";

import { tempDir } from "../support/temp.ts";
import { runCli, startServerProcess } from "./cli.ts";
import { openSql } from "./support.ts";

const CALLS = 360;

/** A migrated database as VACUUM INTO makes it: without a log. */
async function makeVacuumed(): Promise<string> {
  const directory = tempDir();
  const source = join(directory, "source.db");
  await migrateUp(source, { lockTimeoutMs: 15_000 });
  const sql = openConnection(source, { busyTimeoutMs: 1_000 });
  const path = join(directory, "store.db");
  sql.prepare("INSERT INTO artists (Name) VALUES ('first')").run();
  sql.prepare("VACUUM INTO ?").run(path);
  sql.close();
  return path;
}

/** The journal mode that another program sees. */
function modeOf(path: string): unknown {
  const sql = openConnection(path, { readOnly: true, busyTimeoutMs: 1_000 });
  readPragma(sql, "schema_version");
  const mode = readPragma(sql, "journal_mode");
  sql.close();
  return mode;
}

/** Creates, reads and lists, all at once; what the calls that failed say. */
async function callMixed(address: string, withWrites = true): Promise<readonly string[]> {
  const connections = [connect(address), connect(address)];
  onTestFinished(() => {
    for (const connection of connections) connection.close();
  });
  const calls = Array.from({ length: CALLS }, (_, index) => {
    const artists = (connections[index % 2] ?? connections[0])?.service(ArtistService);
    if (!artists) throw new Error("there is no connection");
    if (index % 3 === 0) return artists.listArtists({ filter: 'display_name = "first"' });
    if (index % 3 === 1 || !withWrites) return artists.getArtist({ name: "artists/1" });
    return artists.createArtist({ artist: { displayName: `Artist ${index}` } });
  });
  const ended = await Promise.allSettled(calls);
  return ended.flatMap((each) => (each.status === "rejected" ? String(each.reason) : []));
}

test.each([1, 2])("it is set before it is served, processes: %d", async (processes) => {
  const path = await makeVacuumed();
  expect(modeOf(path)).toBe("delete");
  const server = await startServerProcess("--database", path, "--processes", String(processes));
  expect(modeOf(path)).toBe("wal");
  expect(await callMixed(server.address)).toEqual([]);
});

test("it is set as soon as another program lets go of the file", async () => {
  const path = await makeVacuumed();
  const other = openSql(path);
  other.exec("BEGIN; SELECT * FROM artists");
  const starting = startServerProcess("--database", path);
  await Promise.race([starting, new Promise((resolve) => setTimeout(resolve, 1_000))]);
  expect(readPragma(other, "journal_mode")).toBe("delete");
  other.exec("COMMIT");
  expect(await callMixed((await starting).address)).toEqual([]);
  expect(modeOf(path)).toBe("wal");
});

test.each([1, 2])("a start that cannot set it fails with a line, processes: %d", async (count) => {
  const path = await makeVacuumed();
  const other = openSql(path);
  other.exec("BEGIN; SELECT * FROM artists");
  const args = ["--lock-timeout", "300", "--processes", String(count)];
  const ended = await runCli("serve", "--address", "127.0.0.1:0", "--database", path, ...args);
  expect(ended.code).not.toBe(0);
  const said = ended.stderr.trim();
  expect(said).toContain(`another process is using ${path}`);
  expect(said.split("\n")).toHaveLength(1);
  expect(readPragma(other, "journal_mode")).toBe("delete");
});

test("a server that only reads serves it as it is, and when it is set later", async () => {
  const path = await makeVacuumed();
  const server = await startServerProcess("--database", path, "--read-only");
  expect(await callMixed(server.address, false)).toEqual([]);
  expect(modeOf(path)).toBe("delete");
  const other = openSql(path);
  expect(readPragma(other, "journal_mode = WAL")).toBe("wal");
  expect(await callMixed(server.address, false)).toEqual([]);
});

test("no other program can change it while the file is served", async () => {
  const path = await makeVacuumed();
  const server = await startServerProcess("--database", path);
  const other = openSql(path);
  other.pragma("busy_timeout = 0");
  expect(() => other.pragma("journal_mode = DELETE")).toThrow(/locked/);
  expect(await callMixed(server.address)).toEqual([]);
});

test("a log that was left behind is read, and not copied before anything is served", async () => {
  const path = join(tempDir(), "store.db");
  await migrateUp(path, { lockTimeoutMs: 15_000 });
  const other = openSql(path);
  other.pragma("wal_autocheckpoint = 0");
  other.exec("INSERT INTO artists (Name) VALUES ('first')");
  const left = join(tempDir(), "left.db");
  for (const suffix of ["", "-wal"]) copyFileSync(path + suffix, left + suffix);
  const before = readFileSync(left);
  const server = await startServerProcess("--database", left);
  expect(readFileSync(left).equals(before)).toBe(true);
  const artists = connect(server.address);
  onTestFinished(() => artists.close());
  const artist = await artists.service(ArtistService).getArtist({ name: "artists/1" });
  expect(artist.displayName).toBe("first");
});
