// Holds that another folder of migrations is what each command and the server go by, and that a server
// whose first migration failed serves once the file is corrected.

import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, test } from "vitest";
import { ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import { DatabaseService } from "../../gen/protostore/v1/database_service_pb.ts";
import { CHINOOK_MIGRATIONS } from "../../src/chinook/migrations.ts";
import { openConnection } from "../../src/database/sqlite/connection/connection.ts";
import { readMigrationFiles } from "../support/migrate.ts";
import { startTestService } from "../support/service.ts";
import { tempDir } from "../support/temp.ts";
import { runCli, runProgram, startServerProcess } from "./cli.ts";

const LATEST = readMigrationFiles().length;
const timestamp = (number: number) => `202601010000${String(number).padStart(2, "0")}`;
const OWN = `${timestamp(50)}_Own`;

/** The package's migrations, numbered by times as golang-migrate's `create` does, and one more. */
function makeFolder(directory: string): string {
  const dir = join(directory, "migrations");
  mkdirSync(dir);
  for (const file of readdirSync(CHINOOK_MIGRATIONS)) {
    const name = timestamp(Number(file.slice(0, 6))) + file.slice(6);
    copyFileSync(join(CHINOOK_MIGRATIONS, file), join(dir, name));
  }
  writeFileSync(join(dir, `${OWN}.up.SQL`), "CREATE TABLE own (x);\n");
  return dir;
}

const versionOf = (database: string) => {
  const connection = openConnection(database, { busyTimeoutMs: 1_000 });
  try {
    return connection.prepare("SELECT version FROM schema_migrations").pluck().all();
  } finally {
    connection.close();
  }
};

describe("a folder of one's own", () => {
  test("is what the commands of migrate go by, named by flag or environment", async () => {
    const directory = tempDir();
    const dir = makeFolder(directory);
    const database = join(directory, "a.db");
    const run = (...args: string[]) =>
      runCli("migrate", ...args, "--database", database, "--migrations", dir);

    const up = await run("up");
    expect(up).toMatchObject({ code: 0, stderr: "" });
    expect(up.stdout).toContain(`applied ${OWN} (`);
    expect(versionOf(database)).toEqual([BigInt(timestamp(50))]);
    writeFileSync(join(dir, `${timestamp(40)}_late.up.sql`), "PRAGMA foreign_keys = OFF;\n");
    const note = new RegExp(`^note: ${timestamp(40)}_late is not run: `, "gm");
    for (const command of ["up", "status", "plan"]) {
      const { code, stdout } = await run(command);
      expect({ code, notes: stdout.match(note)?.length }).toEqual({ code: 0, notes: 1 });
    }
    expect((await run("status")).stdout).toMatch(
      new RegExp(`^  skipped +${timestamp(40)}_late$`, "m"),
    );

    const down = await run("down");
    expect(down.code).toBe(1);
    expect(down.stderr).toContain(`${OWN}.down.sql is missing`);
    writeFileSync(join(dir, `${OWN}.down.sql`), "DROP TABLE own;\n");
    expect(await run("down")).toMatchObject({ code: 0 });
    expect(versionOf(database)).toEqual([BigInt(timestamp(LATEST))]);
    const again = await run("up", timestamp(40));
    expect(again.stdout).toMatch(
      /^note: \d+_late\.up\.sql, line 1: PRAGMA foreign_keys does nothing/m,
    );

    const { stdout } = await runProgram("env", [
      `PROTOSTORE_MIGRATIONS=${dir}`,
      `PROTOSTORE_DATABASE=${database}`,
      process.execPath,
      "src/main.ts",
      "migrate",
      "status",
    ]);
    expect(stdout).toContain(`version ${timestamp(40)} of ${timestamp(50)}`);
    const created = await runCli("migrate", "create", "more", "--migrations", dir);
    expect(created.stdout.split("\n").map((path) => basename(path))).toEqual([
      expect.stringMatching(/^20\d{12}_more\.up\.sql$/),
      expect.stringMatching(/^20\d{12}_more\.down\.sql$/),
      "",
    ]);
    for (const [version, recorded] of [
      ["-1", []],
      [timestamp(40), [BigInt(timestamp(40))]],
    ] as const) {
      expect(await run("force", version)).toMatchObject({ code: 0, stderr: "" });
      expect(versionOf(database)).toEqual(recorded);
    }
  });

  test("is what the server and verify go by", async () => {
    const directory = tempDir();
    const migrations = makeFolder(directory);
    const database = join(directory, "a.db");
    const service = await startTestService({ database, migrations, fixtures: true });
    const { schema } = await service.connection.service(DatabaseService).getDatabaseStatus({});
    const version = BigInt(timestamp(50));
    expect(schema).toMatchObject({ version, expectedVersion: version, differences: [] });
    await service.connection.service(ArtistService).createArtist({ artist: { displayName: "x" } });
    await service.stop();
    const verify = ["verify", "--database", database];
    expect(await runCli(...verify, "--migrations", migrations)).toMatchObject({ code: 0 });
    // The package's own are another sequence.
    expect(await runCli(...verify)).toMatchObject({ code: 1 });
    writeFileSync(join(migrations, `${timestamp(40)}_late.up.sql`), "SELECT 1;");
    const server = await startServerProcess("--database", database, "--migrations", migrations);
    const { code, stderr } = await server.end("SIGTERM");
    expect({ code, said: stderr.match(/_late.*arrived below/g)?.length }).toEqual({
      code: 0,
      said: 1,
    });
  });

  test("is what adopt goes by, if it begins with Chinook", async () => {
    const directory = tempDir();
    const migrations = makeFolder(directory);
    const database = join(directory, "chinook.db");
    const connection = openConnection(database, { create: true, busyTimeoutMs: 0 });
    connection.exec(readFileSync(join(CHINOOK_MIGRATIONS, "000001_chinook.up.sql"), "utf8"));
    connection.close();
    const other = join(directory, "other");
    mkdirSync(other);
    writeFileSync(join(other, "1_other.up.sql"), "SELECT 1;");
    const refused = await runCli("adopt", database, "--migrations", other);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("1_other.up.sql") });
    expect(await runCli("adopt", database, "--migrations", migrations)).toMatchObject({ code: 0 });
    expect(versionOf(database)).toEqual([BigInt(timestamp(50))]);
  });
});

test.each(["", "-- protostore: no-transaction\n"])(
  "a new file whose first migration failed is served once it is corrected: %j",
  async (head) => {
    const directory = tempDir();
    const migrations = makeFolder(directory);
    const database = join(directory, "a.db");
    const first = join(migrations, `${timestamp(1)}_chinook.up.sql`);
    const good = readFileSync(first, "utf8");
    writeFileSync(first, `${head}CREATE TABLE artists (x);\nSELECT * FROM nowhere;\n`);
    await expect(startTestService({ database, migrations })).rejects.toMatchObject({
      code: head === "" ? "MIGRATION_FAILED" : "MIGRATION_DIRTY",
    });
    if (head !== "") {
      const connection = openConnection(database, { busyTimeoutMs: 0 });
      connection.exec("DROP TABLE artists");
      connection.close();
      const force = ["migrate", "force", "-1", "--database", database];
      expect(await runCli(...force, "--migrations", migrations)).toMatchObject({ code: 0 });
    }
    writeFileSync(first, good);
    const { connection } = await startTestService({ database, migrations });
    await connection.service(ArtistService).createArtist({ artist: { displayName: "x" } });
  },
);
