// Proves that a file is a whole database: opens it as a server would, checks its pages and references,
// and every row against its columns, JSON, bytes and checksum. Changes nothing, not even beside it.

import type { Registry } from "@bufbuild/protobuf";
import { StoreError } from "../../../errors.ts";
import type { ResourcePlan } from "../../../schema/plan.ts";
import { quoteName } from "../../../schema/sql-name.ts";
import { type Finding, isFaithful } from "../../finding.ts";
import type { MigrationFile } from "../../migrations/files.ts";
import { verifyDatabase } from "../../sql/verify/verify.ts";
import { type Connection, translateSqliteError } from "../connection/connection.ts";
import { openGuarded } from "../connection/file-guard.ts";
import { useSchemaStore } from "../descriptors/schema-store.ts";
import { dialectOf } from "../dialect/sqlite-dialect.ts";
import { createSchemaProbe } from "../inspect/schema-probe.ts";
import { WHOLE_CHECKS } from "../inspect/whole-checks.ts";
import { readMigrationStatus } from "../migrate/migrate.ts";
import { createReader } from "../readers/reader.ts";
import type { BackupManifest } from "./manifest.ts";

/** What the rows of a database are checked by. */
export interface Expected {
  readonly plans: readonly ResourcePlan[];
  readonly registry: Registry;
  readonly migrations: readonly MigrationFile[];
}

/** What was found in a whole database. */
export type Proof = Pick<
  BackupManifest,
  "revision" | "schemaVersion" | "rows" | "proof" | "findings"
>;

/** Proves the file at a path, and tells of how many rows that is done, of how many. */
export type Prove = (path: string, onRows: (done: number, total: number) => void) => Promise<Proof>;

/**
 * Proves the file at `path`, which nobody may be writing to; blocks its thread.
 * @throws StoreError DATABASE_CORRUPT, SCHEMA_MISMATCH, DATABASE_UNAVAILABLE
 */
export async function proveDatabase(
  path: string,
  { plans, registry, migrations }: Expected,
  onRows: (done: number, total: number) => void,
): Promise<Proof> {
  const options = { readOnly: true, immutable: true, requireLog: false, busyTimeoutMs: 0 };
  try {
    const { connection, guard } = openGuarded(path, options);
    try {
      useSchemaStore(registry, connection);
      const { error } = createSchemaProbe(connection, plans, migrations).look();
      if (error) throw error;
      const reader = createReader(connection, registry);
      const source = {
        dialect: dialectOf(connection),
        read: async (...args: Parameters<typeof reader.read>) => read(...args),
      };
      const read = (...args: Parameters<typeof reader.read>) => {
        try {
          return reader.read(...args);
        } catch (cause) {
          throw translateSqliteError(cause);
        }
      };
      let findings = 0;
      for await (const step of verifyDatabase(source, plans, registry, WHOLE_CHECKS)) {
        refuseDamage(step.findings);
        findings += step.findings.length;
        onRows(step.rowsDone, step.rowsTotal);
      }
      const { revision } = reader.read([]);
      const { version } = readMigrationStatus(connection, migrations);
      return {
        revision: String(revision),
        schemaVersion: String(version),
        rows: countRows(connection),
        proof: "rows",
        findings,
      };
    } finally {
      guard.close();
      connection.close();
    }
  } catch (error) {
    throw translateSqliteError(error);
  }
}

function refuseDamage(findings: readonly Finding[]): void {
  const damage = findings.find(({ kind }) => !isFaithful(kind));
  if (!damage) return;
  const message = `the database is damaged: ${damage.subject}: ${damage.problem}`;
  throw new StoreError("DATABASE_CORRUPT", message);
}

/** How many rows each table has. */
export function countRows(connection: Connection): Record<string, number> {
  const tables = connection
    .prepare(
      `SELECT name FROM pragma_table_list
       WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
       ORDER BY name`,
    )
    .pluck()
    .all() as string[];
  const count = (table: string) =>
    Number(
      connection
        .prepare(`SELECT count(*) FROM ${quoteName(table)}`)
        .pluck()
        .get(),
    );
  return Object.fromEntries(tables.map((table) => [table, count(table)]));
}
