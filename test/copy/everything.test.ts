// Random messages with every kind of field, in columns and in JSON: there and back between a server and files
// they are the same, those without bytes of their own too.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { toBinary } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { readMigrationFiles } from "../../src/database/migrations/files.ts";
import { childTriggers, resourceTriggers } from "../../src/schema/triggers.ts";
import {
  EVERYTHING_TABLES_THERE,
  fillEverything,
  openEverything,
  SEED,
} from "../postgres/everything.ts";
import { openSql } from "../service/support.ts";
import { EVERYTHING, EVERYTHING_PLAN, EVERYTHING_TABLES } from "../support/everything.ts";
import { EVERYTHING_RESOURCES, RESOURCES } from "../support/everything-resources.ts";
import { tempDir } from "../support/temp.ts";
import { findingsIn } from "../support/verified.ts";
import { type Copied, copyDatabase, hashesOf } from "./copying.ts";

const MESSAGES = Number(process.env.MESSAGES ?? 60);

const [LINES] = EVERYTHING_PLAN.children;

const FILE_TRIGGERS = [
  ...resourceTriggers(EVERYTHING_PLAN),
  ...(LINES ? childTriggers(LINES, EVERYTHING_PLAN) : []),
].map(({ sql }) => `${sql};`);

const SERVER_TRIGGERS = `
  CREATE TRIGGER everythings_before_write BEFORE INSERT OR UPDATE ON everythings
  FOR EACH ROW EXECUTE FUNCTION store_before_write();
  CREATE TRIGGER everythings_after_delete AFTER DELETE ON everythings
  FOR EACH ROW EXECUTE FUNCTION store_after_delete('everythings', 'everythingid');
  CREATE TRIGGER everythings_after_rename AFTER UPDATE OF EverythingId ON everythings
  FOR EACH ROW WHEN (OLD.EverythingId <> NEW.EverythingId)
  EXECUTE FUNCTION store_after_delete('everythings', 'everythingid');
  CREATE TRIGGER everything_lines_after_write AFTER INSERT OR UPDATE OR DELETE ON everything_lines
  FOR EACH ROW EXECUTE FUNCTION
    store_after_child_write('everything_lines', 'lineid', 'everythingid', 'everythings', 'everythingid');`;

function makeMigrations(): Copied {
  const folder = tempDir();
  const write = (name: string, sql: string) => {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, "000001_everything.up.sql"), sql);
    return join(folder, name);
  };
  return {
    resources: RESOURCES,
    migrations: write("sqlite", EVERYTHING_TABLES + FILE_TRIGGERS.join("\n")),
    postgresMigrations: write("postgres", EVERYTHING_TABLES_THERE + SERVER_TRIGGERS),
  };
}

test(`SEED=${SEED} every kind of field goes there and back`, async () => {
  const copied = makeMigrations();
  const files = readMigrationFiles(copied.postgresMigrations);
  const { database, url } = await openEverything(files);
  const messages = await fillEverything(database, MESSAGES);
  const path = join(tempDir(), "first.db");
  expect(await copyDatabase(url, path, {}, copied)).toMatchObject({
    problems: [],
    error: undefined,
  });
  expect(await findingsIn(path, EVERYTHING_RESOURCES.definitions, RESOURCES)).toEqual([]);
  const sql = openSql(path);
  const stored = sql.prepare("SELECT EverythingId, hex(wire) FROM everythings").raw().all();
  const hexOf = (message: Parameters<typeof toBinary>[1]) =>
    Buffer.from(toBinary(EVERYTHING, message)).toString("hex").toUpperCase();
  expect(new Map(stored as [bigint, string][])).toEqual(
    new Map([...messages].map(([key, { message }]) => [key, hexOf(message)])),
  );

  sql.exec("UPDATE everythings SET CStringOptional = 'x' WHERE EverythingId % 2 = 0");
  sql.exec("UPDATE everything_lines SET CString = 'y' WHERE LineId % 3 = 0");
  const { url: second } = await openEverything(files);
  const there = await copyDatabase(path, second, {}, copied);
  expect(there).toMatchObject({ problems: [], error: undefined });
  const back = await copyDatabase(second, join(tempDir(), "second.db"), {}, copied);
  expect(back).toMatchObject({ problems: [], error: undefined });
  expect(hashesOf(there)).toEqual(hashesOf(back));
  expect(hashesOf(there).everythings).not.toBe(undefined);
});
