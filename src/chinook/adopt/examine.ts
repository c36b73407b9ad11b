// Looks at a file that is being adopted as `serve` and `verify` will: what would not be served is
// refused, and what is in its rows that cannot be is counted. Reads only.

import type { Registry } from "@bufbuild/protobuf";
import { type FindingSummary, summarizeFindings } from "../../database/finding.ts";
import type { MigrationFile } from "../../database/migrations/files.ts";
import { verifyDatabase } from "../../database/sql/verify/verify.ts";
import type { Connection } from "../../database/sqlite/connection/connection.ts";
import { dialectOf } from "../../database/sqlite/dialect/sqlite-dialect.ts";
import { createSchemaProbe } from "../../database/sqlite/inspect/schema-probe.ts";
import { WHOLE_CHECKS } from "../../database/sqlite/inspect/whole-checks.ts";
import { createReader } from "../../database/sqlite/readers/reader.ts";
import type { ResourcePlan } from "../../schema/plan.ts";

/** How many findings of each kind are told. */
const FIRST_MAX = 5;

/**
 * Looks at the migrated database that `connection` has open, and counts what is wrong with its rows.
 * @throws StoreError SCHEMA_MISMATCH, with a line for each thing that keeps it from being served.
 */
export async function examineAdopted(
  connection: Connection,
  plans: readonly ResourcePlan[],
  registry: Registry,
  files: readonly MigrationFile[],
): Promise<FindingSummary> {
  const probe = createSchemaProbe(connection, plans, files);
  probe.refuseDifferences();
  const { error } = probe.look();
  if (error) throw error;
  const reader = createReader(connection, registry);
  const source = {
    dialect: dialectOf(connection),
    read: async (...[statements]: Parameters<typeof reader.read>) => reader.read(statements),
  };
  const found = summarizeFindings(FIRST_MAX);
  for await (const step of verifyDatabase(source, plans, registry, WHOLE_CHECKS)) {
    found.add(step.findings);
  }
  return found.summary();
}
