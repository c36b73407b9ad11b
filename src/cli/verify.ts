// `protostore verify`: proves that every row of a database says the same three ways.
// Writes nothing unless it is told to repair; what is checked is in ../database/sql/verify/verify.ts.

import { Command } from "commander";
import type { Finding } from "../database/finding.ts";
import { StoreError } from "../errors.ts";
import { planResources } from "../schema/plan.ts";
import { parseMigratedDatabase } from "./database-path.ts";
import { openForChecks } from "./open-for-checks.ts";
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

async function runVerify(program: Program, options: VerifyOptions): Promise<void> {
  const { repair } = options;
  const plans = planResources(program.resources);
  const { database, requireSchema } = await openForChecks(program, plans, {
    ...options,
    readOnly: !repair,
  });
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
