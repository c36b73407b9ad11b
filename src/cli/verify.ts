// `protostore verify`: proves that every row of a database says the same three ways.
// Writes nothing unless it is told to repair; what is checked is in ../database/sql/verify/verify.ts.

import { Command } from "commander";
import type { Database } from "../database/database.ts";
import type { Finding } from "../database/finding.ts";
import { readMigrationFiles } from "../database/migrations/files.ts";
import { isPostgresUrl } from "../database/postgres/url.ts";
import { createSchemaProbe } from "../database/sqlite/inspect/schema-probe.ts";
import { refuseUnmanaged } from "../database/sqlite/migrate/detect.ts";
import { requireDatabase } from "../database/sqlite/migrate/target.ts";
import { openSqlite } from "../database/sqlite/sqlite-database.ts";
import { StoreError } from "../errors.ts";
import { DEFAULT_LIMITS } from "../limits.ts";
import { planResources, type ResourcePlan } from "../schema/plan.ts";
import { registryOf } from "../schema/registry.ts";
import { parseMigratedDatabase } from "./database-path.ts";
import type { Program } from "./program.ts";
import { createProgress } from "./progress.ts";
import { databaseOption, migrationsOption } from "./shared-options.ts";

interface VerifyOptions {
  readonly database: string;
  readonly migrations?: string;
  readonly repair: boolean;
}

/** The command `verify`; it throws StoreError VERIFY_FAILED if anything is not as it must be. */
export function verifyCommand(program: Program): Command {
  return new Command("verify")
    .description("recompute every row and compare columns, JSON and bytes; check pages and keys")
    .addOption(databaseOption(program, "the database file, or postgres://…", parseMigratedDatabase))
    .addOption(migrationsOption())
    .option(
      "--repair",
      "make the bytes of damaged rows and wrong indexes anew from the columns",
      false,
    )
    .addHelpText("after", "\nExample:\n  $ protostore verify --database store.db")
    .action((options: VerifyOptions) => runVerify(program, options));
}

/** A database, and how its tables are looked at. */
interface Opened {
  readonly database: Database;
  /** @throws StoreError if its tables are not those that are needed. */
  requireSchema(): Promise<void>;
}

async function runVerify(program: Program, options: VerifyOptions): Promise<void> {
  const { repair } = options;
  const plans = planResources(program.resources);
  const open = isPostgresUrl(options.database) ? openOnServer : openInFile;
  const { database, requireSchema } = await open(program, plans, options);
  const progress = createProgress("verify");
  let [rows, problems] = [0, 0];
  const report = (findings: readonly Finding[]) => {
    problems += findings.length;
    for (const { subject, problem } of findings) process.stdout.write(`${subject}: ${problem}\n`);
  };
  /** Mends what can be mended, and returns the rest. */
  const mend = async (findings: readonly Finding[]) => {
    const rest: Finding[] = [];
    for (const finding of findings) {
      if (!repair || !finding.repair) {
        rest.push(finding);
        continue;
      }
      await database.commit([{ kind: "mend", ...finding.repair }]);
      process.stdout.write(`${finding.subject}: its bytes were made anew from its columns\n`);
    }
    return rest;
  };
  try {
    await requireSchema();
    for await (const step of database.verify(plans)) {
      rows = step.rowsDone;
      progress.update(step.rowsDone, step.rowsTotal);
      report(await mend(step.findings));
    }
    for (const index of program.indexes ?? []) {
      const stale = await index.check(database);
      if (repair && stale.length > 0) {
        await index.rebuild(database);
        process.stdout.write(`the ${index.name} was made anew\n`);
      }
      report(repair ? await index.check(database) : stale);
    }
  } finally {
    progress.end();
    await database.close();
  }
  if (problems > 0) throw new StoreError("VERIFY_FAILED", `${problems} problems in ${rows} rows`);
  process.stdout.write(`${rows} rows: columns, JSON and bytes agree\n`);
}

async function openInFile(
  { resources, definitions, foreign, ...program }: Program,
  plans: readonly ResourcePlan[],
  { database: path, migrations, repair }: VerifyOptions,
): Promise<Opened> {
  requireDatabase(path);
  const registry = registryOf(resources.map(({ resource }) => resource));
  // It may take as long as it takes: whoever waits can end it.
  const limits = { ...DEFAULT_LIMITS, readTimeoutMs: Number.POSITIVE_INFINITY };
  const database = openSqlite({ path, readOnly: !repair, registry, definitions, limits });
  return {
    database,
    async requireSchema() {
      refuseUnmanaged(database.connection, path, foreign);
      const files = readMigrationFiles(migrations ?? program.migrations);
      const { error } = createSchemaProbe(database.connection, plans, files).look();
      if (error) throw error;
    },
  };
}

/** A read is of some rows, and PostgreSQL wants to know when to end it. */
const DAY_MS = 24 * 60 * 60 * 1_000;

async function openOnServer(
  { resources, postgresMigrations }: Program,
  plans: readonly ResourcePlan[],
  { database: url, migrations = postgresMigrations, repair }: VerifyOptions,
): Promise<Opened> {
  const { openPostgres } = await import("../database/postgres/postgres-database.ts");
  const { createSchemaProbe } = await import("../database/postgres/schema-probe.ts");
  const { watchStoredTypes } = await import("../database/postgres/descriptors.ts");
  const { explainPostgresError } = await import("../database/postgres/errors.ts");
  if (migrations === undefined) throw new StoreError("INVALID_CONFIG", "give --migrations");
  const files = readMigrationFiles(migrations);
  const registry = registryOf(resources.map(({ resource }) => resource));
  const limits = { ...DEFAULT_LIMITS, readTimeoutMs: DAY_MS };
  const database = openPostgres({ url, readOnly: !repair, plans, registry, limits });
  return {
    database,
    async requireSchema() {
      try {
        await database.session();
      } catch (error) {
        throw explainPostgresError(error);
      }
      const learnTypes = watchStoredTypes(registry, database.session);
      const probe = createSchemaProbe(database.session, plans, files, learnTypes);
      const { error } = await probe.look();
      if (error) throw error;
    },
  };
}
