// `protostore copy FROM TO`: moves a database from a file to a server, or back, and proves the copy.
// Words only: what is done is in ../database/copy/.

import { realpathSync } from "node:fs";
import { Argument, Command, Option } from "commander";
import { beginCopy, type Copy, type CopyWatch, copyRows } from "../database/copy/copy.ts";
import type { CopyEnd, CopyTarget } from "../database/copy/copy-ends.ts";
import { type ProvedTable, proveCopy } from "../database/copy/prove.ts";
import { readMigrationFiles } from "../database/migrations/files.ts";
import { readAddress } from "../database/postgres/address.ts";
import { hostsOf, isPostgresUrl } from "../database/postgres/url.ts";
import type { FileSetup } from "../database/sqlite/copy/file-end.ts";
import { StoreError } from "../errors.ts";
import { planResources } from "../schema/plan.ts";
import { registryOf } from "../schema/registry.ts";
import { catchStopSignals, stopSignal } from "../stop-signals.ts";
import { parseMigratedDatabase } from "./database-path.ts";
import { openForChecks } from "./open-for-checks.ts";
import type { Program } from "./program.ts";
import { createProgress } from "./progress.ts";
import { lockTimeoutOption, migrationsOption } from "./shared-options.ts";

interface CopyOptions {
  readonly lockTimeout: number;
  readonly migrations?: string;
  readonly postgresMigrations?: string;
}

/** The command `copy`; if it throws StoreError, the copy is not served by anybody. */
export function copyCommand(program: Program): Command {
  return new Command("copy")
    .description("copy a database into an empty one, a file or postgres://…, and prove the copy")
    .addArgument(
      new Argument("<from>", "the database, served or not").argParser(parseMigratedDatabase),
    )
    .addArgument(
      new Argument("<to>", "a new file, or an empty database on a server").argParser(
        parseMigratedDatabase,
      ),
    )
    .addOption(migrationsOption())
    .addOption(
      new Option(
        "--postgres-migrations <folder>",
        "the same for PostgreSQL (default: the package's own)",
      ),
    )
    .addOption(lockTimeoutOption())
    .addHelpText(
      "after",
      "\nOne that was interrupted goes on when it is run again.\n" +
        "\nExample:\n  $ protostore copy store.db postgres://app@db.example.com/shop",
    )
    .action((from: string, to: string, options: CopyOptions) =>
      runCopy(program, from, to, options),
    );
}

async function runCopy(
  program: Program,
  from: string,
  to: string,
  options: CopyOptions,
): Promise<void> {
  if (isSame(from, to)) throw new StoreError("INVALID_CONFIG", "<from> and <to> are one database");
  catchStopSignals();
  const plans = planResources(program.resources);
  await withSource(from, setupOf(program, from, options), (source) =>
    withTarget(to, setupOf(program, to, options), options, async (target) => {
      const copy = await beginCopy(source, target, plans, derivedTables(program));
      print([
        `${copy.isResumed ? "goes on with" : "copies"} ${copy.rowsTotal} rows at revision ${copy.state.revision}`,
        ...copy.leftOut.map((what) => `not copied: ${what}`),
      ]);
      await copyAndProve(program, copy, to);
      await target.finish(copy.state);
      print([`${target.place} is a copy of ${source.place}, and can be served`]);
    }),
  );
}

function derivedTables({ indexes = [] }: Pick<Program, "indexes">): readonly string[] {
  return indexes.map(({ table }) => table);
}

async function copyAndProve(program: Program, copy: Copy, to: string): Promise<void> {
  const problems: string[] = [];
  const bars = { copy: createProgress("copy"), prove: createProgress("prove") };
  const watch = (bar: keyof typeof bars): CopyWatch => ({
    signal: stopSignal,
    onProgress: bars[bar].update,
    onProblem(subject, problem) {
      bars[bar].end();
      problems.push(subject);
      print([`${subject}: ${problem}`]);
    },
  });
  try {
    await copyRows(copy, watch("copy"));
    bars.copy.end();
    const tables: ProvedTable[] = [];
    for await (const table of proveCopy(copy, watch("prove"))) tables.push(table);
    bars.prove.end();
    print(describeProof(tables));
    problems.push(...(await checkIndexes(program, to)));
    if (problems.length === 0 && tables.every(({ isEqual }) => isEqual)) return;
  } catch (error) {
    if (error !== stopSignal.reason) throw error;
    throw new StoreError("CANCELLED", "interrupted: run it again, and it goes on where it was");
  } finally {
    bars.copy.end();
    bars.prove.end();
  }
  throw new StoreError("VERIFY_FAILED", `${copy.target.place} is not what ${copy.source.place} is`);
}

/** What is wrong with what the copy has a second time, after it was made anew. */
async function checkIndexes(program: Program, place: string): Promise<readonly string[]> {
  const { indexes = [] } = program;
  if (indexes.length === 0) return [];
  const plans = planResources(program.resources);
  const { database } = await openForChecks(program, plans, { database: place, readOnly: false });
  const problems: string[] = [];
  try {
    for (const index of indexes) {
      if ((await index.check(database)).length > 0) await index.rebuild(database);
      for (const { subject, problem } of await index.check(database)) {
        problems.push(subject);
        print([`${subject}: ${problem}`]);
      }
    }
  } finally {
    await database.close();
  }
  return problems;
}

/** Each has types of its own, since each may know some that only its rows have. */
function setupOf(program: Program, place: string, options: CopyOptions): FileSetup {
  const { resources } = program;
  const folder = isPostgresUrl(place)
    ? (options.postgresMigrations ?? program.postgresMigrations)
    : (options.migrations ?? program.migrations);
  if (folder === undefined) throw new StoreError("INVALID_CONFIG", "give --postgres-migrations");
  return {
    plans: planResources(resources),
    registry: registryOf(resources.map(({ resource }) => resource)),
    files: readMigrationFiles(folder),
    foreign: program.foreign,
  };
}

async function withSource<T>(
  place: string,
  setup: FileSetup,
  action: (source: CopyEnd) => Promise<T>,
): Promise<T> {
  if (isPostgresUrl(place)) {
    const { withServerSource } = await import("../database/postgres/copy/server-source.ts");
    return withServerSource(place, setup, action);
  }
  const { withFileSource } = await import("../database/sqlite/copy/file-source.ts");
  return withFileSource(place, setup, action);
}

async function withTarget<T>(
  place: string,
  setup: FileSetup,
  { lockTimeout }: CopyOptions,
  action: (target: CopyTarget) => Promise<T>,
): Promise<T> {
  const patient = { ...setup, lockTimeoutMs: lockTimeout };
  if (isPostgresUrl(place)) {
    const { withServerTarget } = await import("../database/postgres/copy/server-target.ts");
    return withServerTarget(place, patient, action);
  }
  const { withFileTarget } = await import("../database/sqlite/copy/file-target.ts");
  return withFileTarget(place, patient, action);
}

/** Two names of one database that are not alike are told apart by what is in it: it is not empty. */
function isSame(from: string, to: string): boolean {
  return placeOf(from) === placeOf(to);
}

function placeOf(place: string): string {
  if (isPostgresUrl(place)) {
    const addresses = hostsOf(place).map((each) => readAddress(each));
    return addresses
      .map(({ host = "localhost", port = "5432", dbname = "" }) => `${host}:${port}/${dbname}`)
      .join();
  }
  try {
    return realpathSync(place);
  } catch {
    // It is not there yet, and so not the other one.
    return place;
  }
}

function describeProof(tables: readonly ProvedTable[]): readonly string[] {
  const width = Math.max(...tables.map(({ name }) => name.length), "table".length);
  const line = (name: string, rows: string, found: string, hash: string) =>
    `${name.padEnd(width)} ${rows.padStart(9)}  ${found.padEnd(6)}  ${hash}`;
  return [
    line("table", "rows", "copy", "SHA-256 of the rows"),
    ...tables.map(({ name, rows, isEqual, hash }) =>
      line(name, `${rows}`, isEqual ? "equal" : "DIFFERS", hash),
    ),
  ];
}

function print(lines: readonly string[]): void {
  process.stdout.write(`${lines.join("\n")}\n`);
}
