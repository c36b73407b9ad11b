// `protostore adopt FILE`: takes an existing Chinook file over.
// Words only: what it does is in adopt.ts, what is looked at in examine.ts.

import { Command } from "commander";
import { parseDatabasePath } from "../../cli/database-path.ts";
import { describeFindings } from "../../cli/findings.ts";
import { createProgress, type Progress } from "../../cli/progress.ts";
import { lockTimeoutOption, migrationsOption } from "../../cli/shared-options.ts";
import type { FindingSummary } from "../../database/finding.ts";
import { type MigrationFile, readMigrationFiles } from "../../database/migrations/files.ts";
import { StoreError } from "../../errors.ts";
import { planResources } from "../../schema/plan.ts";
import { registryOf } from "../../schema/registry.ts";
import { CHINOOK_MIGRATIONS } from "../migrations.ts";
import { RESOURCES } from "../resources.ts";
import { type AdoptionReport, adoptDatabase, checkAdoption } from "./adopt.ts";
import { examineAdopted } from "./examine.ts";

interface AdoptFlags {
  /** In milliseconds. */
  readonly lockTimeout: number;
  readonly migrations?: string;
  readonly check: boolean;
  readonly strict: boolean;
}

/** The command `adopt`; it throws StoreError. */
export function adoptCommand(): Command {
  return new Command("adopt")
    .description("take over an existing Chinook file in place, after a verified backup")
    .argument(
      "<file>",
      "the Chinook file, with upstream or with plural table names",
      parseDatabasePath,
    )
    .addOption(migrationsOption())
    .option("--check", "tell what an adoption would do and find, and change nothing", false)
    .option("--strict", "refuse a file with rows that cannot be read, or refer to nothing", false)
    .addOption(lockTimeoutOption())
    .addHelpText(
      "after",
      "\nExample:\n  $ protostore adopt Chinook_Sqlite.sqlite" +
        "\n  $ protostore serve --database Chinook_Sqlite.sqlite",
    )
    .action(runAdopt);
}

async function runAdopt(
  file: string,
  { lockTimeout, migrations, check, strict }: AdoptFlags,
): Promise<void> {
  const progress = createSteps();
  const files = readMigrationFiles(migrations ?? CHINOOK_MIGRATIONS);
  const examination = createExamination(files, strict);
  const options = {
    lockTimeoutMs: lockTimeout,
    files,
    onProgress: progress.update,
    examine: examination.examine,
  };
  try {
    const report = check ? await checkAdoption(file, options) : await adoptDatabase(file, options);
    progress.end();
    print(
      report ? describeAdoption(file, report) : [`${file} can be adopted; nothing was changed`],
    );
  } finally {
    progress.end();
    print(examination.lines());
  }
}

/** What is looked at in the rehearsal, and the lines that tell what was found. */
function createExamination(files: readonly MigrationFile[], strict: boolean) {
  const plans = planResources(RESOURCES);
  const registry = registryOf(RESOURCES.map(({ resource }) => resource));
  let found: FindingSummary | undefined;
  return {
    async examine(copy: Parameters<typeof examineAdopted>[0]): Promise<void> {
      found = await examineAdopted(copy, plans, registry, files);
      if (!strict || found.total === 0) return;
      throw new StoreError("VERIFY_FAILED", `${found.total} problems in the rows of the file`);
    },
    lines: (): readonly string[] => (found ? describeFindings(found) : []),
  };
}

/** One bar after the other, each with the name of its step. */
function createSteps() {
  let current: { readonly step: string; readonly bar: Progress } | undefined;
  return {
    update(step: string, done: number, total: number): void {
      if (current?.step !== step) {
        current?.bar.end();
        current = { step, bar: createProgress(step) };
      }
      current.bar.update(done, total);
    },
    end(): void {
      current?.bar.end();
    },
  };
}

function describeAdoption(file: string, report: AdoptionReport): readonly string[] {
  const { backup, tables, migration } = report;
  return [
    backup ? `backup  ${backup}` : "completed an adoption that was interrupted",
    ...tables.map(({ table, rows }) => `${String(rows).padStart(7)} ${table}`),
    `adopted ${file}, now at version ${migration.to}`,
  ];
}

function print(lines: readonly string[]): void {
  if (lines.length > 0) process.stdout.write(`${lines.join("\n")}\n`);
}
