// The check of a file's descriptors, on the connection of its main thread.
// What is compared, and what follows from it, is in ../../sql/descriptors.

import { checkDescriptors, type DescriptorOptions } from "../../sql/descriptors/descriptors.ts";
import type { DescriptorSource } from "../../sql/descriptors/schema-store.ts";
import { createStatementRunner } from "../connection/statement-runner.ts";
import { rowDialect } from "../dialect/row-dialect.ts";
import type { SqliteDatabase } from "../sqlite-database.ts";

/** @throws StoreError SCHEMA_INCOMPATIBLE, as the result does. */
export function createDescriptorCheck(
  database: SqliteDatabase,
  options: Omit<DescriptorOptions, "source">,
): () => Promise<void> {
  return checkDescriptors({ ...options, source: descriptorSource(database) });
}

function descriptorSource({ connection, commit }: SqliteDatabase): DescriptorSource {
  return {
    commit,
    dialect: rowDialect(connection),
    ask: async (statement) => createStatementRunner(connection).all(statement),
    selectColumns: (table) => ({
      sql: "SELECT lower(name) FROM pragma_table_xinfo(?)",
      parameters: [table],
    }),
    placeIn: (data, text) => `instr(${data}, ${text})`,
  };
}
