// Copies as the command does, in the test's process, and tells what it would print.

import type { Registry } from "@bufbuild/protobuf";
import { CHINOOK } from "../../src/chinook/program.ts";
import { beginCopy, type Copy, copyRows } from "../../src/database/copy/copy.ts";
import type { CopyEnd, CopySetup, CopyTarget } from "../../src/database/copy/copy-ends.ts";
import { type ProvedTable, proveCopy } from "../../src/database/copy/prove.ts";
import { readMigrationFiles } from "../../src/database/migrations/files.ts";
import { withServerSource } from "../../src/database/postgres/copy/server-source.ts";
import { withServerTarget } from "../../src/database/postgres/copy/server-target.ts";
import { isPostgresUrl } from "../../src/database/postgres/url.ts";
import { withFileSource } from "../../src/database/sqlite/copy/file-source.ts";
import { withFileTarget } from "../../src/database/sqlite/copy/file-target.ts";
import { planResources, type ResourceDefinition } from "../../src/schema/plan.ts";
import { registryOf } from "../../src/schema/registry.ts";

/** What is copied, and how its tables are made. */
export interface Copied {
  readonly resources: readonly ResourceDefinition[];
  /** The folders of the migrations. */
  readonly migrations: string;
  readonly postgresMigrations: string;
}

/** What may happen on the way. */
export interface Happenings {
  /** Between two pages of rows, and once there are none; what it throws ends the copy. */
  onRows?(done: number, total: number): void;
  /** Before anything is copied, and after all is, before it is proved. */
  begun?(copy: Copy): Promise<void>;
  copied?(copy: Copy): Promise<void>;
}

/** What a copy has told. */
export interface CopyReport {
  readonly tables: readonly ProvedTable[];
  /** Each `subject: problem`. */
  readonly problems: readonly string[];
  readonly leftOut: readonly string[];
  readonly isResumed: boolean;
  /** What it failed with, if it did before the proof. */
  readonly error: unknown;
}

export async function copyDatabase(
  from: string,
  to: string,
  happenings: Happenings = {},
  copied: Copied = CHINOOK as Copied,
): Promise<CopyReport> {
  const plans = planResources(copied.resources);
  const problems: string[] = [];
  const watch = {
    signal: new AbortController().signal,
    onProgress: happenings.onRows ?? (() => {}),
    onProblem: (subject: string, problem: string) => problems.push(`${subject}: ${problem}`),
  };
  const report = { tables: [] as ProvedTable[], problems, leftOut: [] as readonly string[] };
  let [isResumed, error] = [false, undefined as unknown];
  try {
    await withSource(from, setupOf(copied, from), (source) =>
      withTarget(to, setupOf(copied, to), async (target) => {
        const copy = await beginCopy(source, target, plans, ["track_search"]);
        isResumed = copy.isResumed;
        report.leftOut = copy.leftOut;
        await happenings.begun?.(copy);
        await copyRows(copy, watch);
        await happenings.copied?.(copy);
        const proving = { ...watch, onProgress: () => {} };
        for await (const table of proveCopy(copy, proving)) report.tables.push(table);
        if (problems.length === 0) await target.finish(copy.state);
      }),
    );
  } catch (caught) {
    error = caught;
  }
  return { ...report, isResumed, error };
}

/** The hash of each table, by its name. */
export function hashesOf({ tables }: CopyReport): Readonly<Record<string, string>> {
  return Object.fromEntries(tables.map(({ name, hash }) => [name, hash]));
}

function setupOf({ resources, migrations, postgresMigrations }: Copied, place: string): CopySetup {
  const registry: Registry = registryOf(resources.map(({ resource }) => resource));
  const folder = isPostgresUrl(place) ? postgresMigrations : migrations;
  return { plans: planResources(resources), registry, files: readMigrationFiles(folder) };
}

function withSource(place: string, setup: CopySetup, action: (end: CopyEnd) => Promise<void>) {
  return isPostgresUrl(place)
    ? withServerSource(place, setup, action)
    : withFileSource(place, setup, action);
}

function withTarget(place: string, setup: CopySetup, action: (end: CopyTarget) => Promise<void>) {
  const patient = { ...setup, lockTimeoutMs: 1_000 };
  return isPostgresUrl(place)
    ? withServerTarget(place, patient, action)
    : withFileTarget(place, patient, action);
}
