// `protostore adopt FILE`: takes an existing Chinook file over.
// Words only: what it does is in src/migrate/adopt.ts.

import { Command } from "commander";
import { type AdoptionReport, adoptDatabase } from "../migrate/adopt.ts";
import { readMigrationFiles } from "../migrate/files.ts";
import { lockTimeoutOption, migrationsOption } from "./migrate.ts";
import { createProgress, type Progress } from "./progress.ts";

interface AdoptFlags {
  /** In milliseconds. */
  readonly lockTimeout: number;
  readonly migrations?: string;
}

/** The command `adopt`; it throws StoreError. */
export function adoptCommand(): Command {
  return new Command("adopt")
    .description("take over an existing Chinook file in place, after a verified backup")
    .argument("<file>", "the Chinook file, with upstream or with plural table names")
    .addOption(migrationsOption())
    .addOption(lockTimeoutOption())
    .addHelpText(
      "after",
      "\nExample:\n  $ protostore adopt Chinook_Sqlite.sqlite" +
        "\n  $ protostore serve --database Chinook_Sqlite.sqlite",
    )
    .action(async (file: string, { lockTimeout, migrations }: AdoptFlags) => {
      const progress = createSteps();
      try {
        const report = await adoptDatabase(file, {
          lockTimeoutMs: lockTimeout,
          files: readMigrationFiles(migrations),
          onProgress: progress.update,
        });
        progress.end();
        printReport(file, report);
      } finally {
        progress.end();
      }
    });
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

function printReport(file: string, { backup, tables, migration }: AdoptionReport): void {
  const lines = [
    backup ? `backup  ${backup}` : "completed an adoption that was interrupted",
    ...tables.map(({ table, rows }) => `${String(rows).padStart(7)} ${table}`),
    `adopted ${file}, now at version ${migration.to}`,
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
}
