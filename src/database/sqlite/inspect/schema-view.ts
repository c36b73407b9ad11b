// The tables of a database as they are now, read again only after a change of the schema, since every
// List asks for them. Judges nothing.

import type { DescribeTable, TableDescription } from "../../../schema/drift.ts";
import type { ResourcePlan } from "../../../schema/plan.ts";
import type { TableFacts } from "../../sql/filter/source.ts";
import { readTableFacts } from "../../sql/table-facts.ts";
import { type Connection, readPragma, translateSqliteError } from "../connection/connection.ts";
import { dialectOf } from "../dialect/sqlite-dialect.ts";
import { describeTables } from "./describe.ts";

/** The tables as they are now. */
export interface SchemaView {
  readonly describe: DescribeTable;
  /** What filters and orders may use of the table of a resource. @throws StoreError */
  factsOf(plan: ResourcePlan): TableFacts;
}

/** The view through `connection`. */
export function createSchemaView(connection: Connection): SchemaView {
  const read = describeTables(connection);
  const dialect = dialectOf(connection);
  const tables = new Map<string, TableDescription | undefined>();
  const facts = new Map<ResourcePlan, TableFacts>();
  let seen: unknown;

  function forgetOld(): void {
    const version = readPragma(connection, "schema_version");
    if (version === seen) return;
    seen = version;
    tables.clear();
    facts.clear();
  }

  function describe(table: string): TableDescription | undefined {
    forgetOld();
    if (!tables.has(table)) tables.set(table, read(table));
    return tables.get(table);
  }

  return {
    describe,
    factsOf(plan) {
      try {
        forgetOld();
        const known = facts.get(plan) ?? readTableFacts(plan, describe, dialect);
        facts.set(plan, known);
        return known;
      } catch (error) {
        throw translateSqliteError(error);
      }
    },
  };
}
