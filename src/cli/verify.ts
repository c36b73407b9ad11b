// `protostore verify`: proves that every row of a database says the same three ways.
// Opens the database read-only; what is checked is in ../repositories/verify.ts.

import { Command } from "commander";
import { DEFAULT_LIMITS } from "../config.ts";
import { openSqlite } from "../database/sqlite/sqlite-database.ts";
import { StoreError } from "../errors.ts";
import { createSchemaProbe } from "../health/schema-probe.ts";
import { readMigrationFiles } from "../migrate/files.ts";
import { verifyDatabase } from "../repositories/verify.ts";
import { RESOURCES } from "../resources.ts";
import { planResources } from "../schema/plan.ts";
import { registryOf } from "../schema/registry.ts";
import { databaseOption } from "./migrate.ts";
import { createProgress } from "./progress.ts";

/** The command `verify`; it throws StoreError VERIFY_FAILED if anything is not as it must be. */
export function verifyCommand(): Command {
  return new Command("verify")
    .description("recompute every row and compare columns, JSON and bytes; check pages and keys")
    .addOption(databaseOption())
    .addHelpText("after", "\nExample:\n  $ protostore verify --database store.db")
    .action(runVerify);
}

async function runVerify({ database: path }: { readonly database: string }): Promise<void> {
  const plans = planResources(RESOURCES);
  const registry = registryOf(RESOURCES.map(({ resource }) => resource));
  const limits = DEFAULT_LIMITS;
  const database = openSqlite({ path, readOnly: true, plans, registry, limits });
  const progress = createProgress("verify");
  let [rows, problems] = [0, 0];
  try {
    const { error } = createSchemaProbe(database.connection, plans, readMigrationFiles()).look();
    if (error) throw error;
    for await (const step of verifyDatabase(database, plans, registry)) {
      rows = step.rowsDone;
      problems += step.findings.length;
      progress.update(step.rowsDone, step.rowsTotal);
      for (const { subject, problem } of step.findings) {
        process.stdout.write(`${subject}: ${problem}\n`);
      }
    }
  } finally {
    progress.end();
    await database.close();
  }
  if (problems > 0) throw new StoreError("VERIFY_FAILED", `${problems} problems in ${rows} rows`);
  process.stdout.write(`${rows} rows: columns, JSON and bytes agree\n`);
}
