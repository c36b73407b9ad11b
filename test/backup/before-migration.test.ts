// Before a migration the database is backed up, where there is a folder for it: the release before restores
// that and boots. A release with one migration more is the same program with another folder of migrations.

import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { DatabaseService } from "../../gen/protostore/v1/database_service_pb.ts";
import { makeBackupKey } from "../../src/database/sqlite/backup/backup-key.ts";
import { listBackups } from "../../src/database/sqlite/backup/manifest.ts";
import { proveChecksums } from "../../src/database/sqlite/backup/prove-checksums.ts";
import { restoreBackup } from "../../src/database/sqlite/backup/restore.ts";
import { openClient } from "../access/support.ts";
import { runCli } from "../service/cli.ts";
import { openSql } from "../service/support.ts";
import { runService, startTestService } from "../support/service.ts";
import { makeTempDir, tempDir } from "../support/temp.ts";
import { REPO_ROOT } from "../support/tools.ts";
import { artistsIn, askForBackup, backUp, EXPECTED } from "./support.ts";

let source: string;
/** The folder of the release with one migration more. */
let newer: string;

beforeAll(async () => {
  source = makeTempDir();
  newer = join(source, "newer");
  cpSync(join(REPO_ROOT, "migrations", "sqlite"), newer, { recursive: true });
  const added = join(newer, "000099_labels");
  writeFileSync(`${added}.up.sql`, "CREATE TABLE labels (id INTEGER PRIMARY KEY);\n");
  writeFileSync(`${added}.down.sql`, "DROP TABLE labels;\n");
  const service = await runService({ database: join(source, "x.db"), fixtures: true });
  await service.stop();
  return () => rmSync(source, { recursive: true, force: true });
});

/** A database of the release before, and a place for backups. */
function setUp() {
  const folder = tempDir();
  const [database, backups] = [join(folder, "x.db"), join(folder, "backups")];
  cpSync(join(source, "x.db"), database);
  const migrate = (...args: readonly string[]) =>
    runCli("migrate", "up", "--database", database, "--migrations", newer, ...args);
  const versionOf = async () => {
    const { stdout } = await runCli(
      "migrate",
      "status",
      "--database",
      database,
      "--migrations",
      newer,
    );
    return stdout.includes("pending   000099_labels") ? "before" : "after";
  };
  return { folder, database, backups, migrate, versionOf };
}

const namesIn = (folder: string) =>
  readdirSync(folder)
    .filter((name) => !name.startsWith("."))
    .sort();

test("one is made, which the release before restores, proves and boots on", async () => {
  const { folder, database, backups, migrate, versionOf } = setUp();
  const { code, stdout, stderr } = await migrate("--backup-dir", backups);
  expect([code, stderr]).toEqual([0, ""]);
  const [, made = ""] = /^backup (.*)$/m.exec(stdout) ?? [];
  expect(made).toMatch(/\/before-migration-\d{8}t\d{9}z\.db$/);
  expect(await versionOf()).toBe("after");
  const [manifest] = await listBackups(backups);
  expect(manifest).toMatchObject({ proof: "checksums", revision: "1", rows: { artists: 40 } });
  // There is nothing to do, so there is nothing to keep.
  const again = await migrate("--backup-dir", backups);
  expect(again.stdout).toContain("nothing to do");
  expect(namesIn(backups)).toHaveLength(2);

  const restored = join(folder, "restored.db");
  const options = { expected: EXPECTED, lockTimeoutMs: 0 };
  await restoreBackup(made, restored, options, () => {});
  const older = await startTestService({ database: restored });
  const { schema } = await older.connection.service(DatabaseService).getDatabaseStatus({});
  expect(schema?.differences).toEqual([]);
  expect(artistsIn(made).artists.get(1n)).toBe("The Velvet Otters");
  // The one that has it already proves it in full, and says so.
  const verified = await runCli("backup", "verify", made);
  expect([verified.code, verified.stdout]).toEqual([
    0,
    expect.stringContaining("whole, revision 1"),
  ]);
  expect((await listBackups(backups))[0]).toMatchObject({ proof: "rows" });
  const failed = await runCli("backup", "verify", made, "--migrations", newer);
  expect([failed.code, failed.stdout]).toEqual([
    1,
    expect.stringContaining("run: protostore migrate up"),
  ]);
  expect(database).not.toBe(restored);
});

test("it may be encrypted", async () => {
  const { folder, backups, migrate } = setUp();
  const keyFile = join(folder, "backup.key");
  const key = makeBackupKey(keyFile);
  const { stdout } = await migrate("--backup-dir", backups, "--backup-key-file", keyFile);
  const [, made = ""] = /^backup (.*\.db\.enc)$/m.exec(stdout) ?? [];
  const restored = join(folder, "restored.db");
  await restoreBackup(made, restored, { expected: EXPECTED, lockTimeoutMs: 0, key }, () => {});
  await startTestService({ database: restored });
});

test.for(["the folder is a file", "the database is damaged", "the key is none"])(
  "without one nothing is migrated: %s",
  async (kind) => {
    const { folder, database, backups, migrate, versionOf } = setUp();
    const args = ["--backup-dir", backups];
    if (kind === "the folder is a file") writeFileSync(backups, "");
    else if (kind === "the key is none") args.push("--backup-key-file", join(folder, "no.key"));
    else {
      const sql = openSql(database);
      const triggers =
        "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'artists'";
      const names = sql.prepare(triggers).pluck().all() as string[];
      for (const name of names) sql.exec(`DROP TRIGGER "${name}"`);
      sql.exec("UPDATE artists SET wire = wire || x'00' WHERE ArtistId = 7");
      sql.close();
    }
    const { code, stderr } = await migrate(...args);
    expect([code, stderr]).toEqual([1, expect.stringContaining("nothing was migrated")]);
    expect(await versionOf()).toBe("before");
    if (kind === "the database is damaged") {
      expect(stderr).toContain("row 7 of artists");
      expect(namesIn(backups)).toEqual([]);
    }
  },
);

test("a new database is made without", async () => {
  const { folder, backups } = setUp();
  const args = ["--database", join(folder, "new.db"), "--backup-dir", backups];
  const { code, stdout } = await runCli("migrate", "up", ...args);
  expect([code, stdout]).toEqual([0, expect.not.stringContaining("backup")]);
});

test("a server takes it for no proof of its rows", async () => {
  const { backups, database, migrate } = setUp();
  const service = await startTestService({ database, backups: { folder: backups } });
  await askForBackup(openClient(service.address), "full");
  const nameOf = async () => {
    const status = await service.connection.service(DatabaseService).getDatabaseStatus({});
    return status.backup?.name;
  };
  expect(await nameOf()).toBe("full");
  expect((await migrate("--backup-dir", backups)).code).toBe(0);
  expect((await listBackups(backups))[0]?.proof).toBe("checksums");
  expect(await nameOf()).toBe("full");
});

test("what is proved without knowing the rows is what the row by row proof counts", async () => {
  const folder = tempDir();
  const { revision, schemaVersion, rows } = await backUp(join(source, "x.db"), folder, "full");
  const found = await proveChecksums(join(folder, "full.db"), () => {});
  expect(found).toEqual({ revision, schemaVersion, rows, proof: "checksums", findings: 0 });
  const manifest = JSON.parse(readFileSync(join(folder, "full.json"), "utf8"));
  expect(manifest.proof).toBe("rows");
});
