// A process that migrates or adopts one database and says what it did: `up|adopt DATABASE [DIR]`.
// The tests start many of them at once, or kill them.

import { writeSync } from "node:fs";
import { adoptDatabase } from "../../src/chinook/adopt/adopt.ts";
import { migrateUp, readMigrationFiles } from "../support/migrate.ts";

const [command, database = "", dir] = process.argv.slice(2);
const lockTimeoutMs = 15_000;
// Written at once, so that whoever waits for it knows that the work has begun.
const onProgress = (step: string) => void writeSync(1, `working on ${step}\n`);

if (command === "adopt") {
  const { tables } = await adoptDatabase(database, { lockTimeoutMs, onProgress });
  writeSync(1, `adopted ${tables.length}\n`);
} else {
  const files = readMigrationFiles(dir || undefined);
  const { migrations } = await migrateUp(database, { files, lockTimeoutMs, onProgress });
  for (const { name } of migrations) writeSync(1, `applied ${name}\n`);
}
