// The statements that read rows by their keys as PostgreSQL is quickest at it. Pure.
// Only names from plans enter the text; every value is a parameter.

import { expectedCrc } from "../../schema/checksum.ts";
import type { ResourcePlan } from "../../schema/plan.ts";
import { rowsOf } from "../sql/rows-of.ts";
import type { Statement } from "../sql/statements.ts";

/**
 * For each of the keys the key, the revision of the database, the bytes of its row, the CRC-32 that they
 * must have, and the key again if there is such a row; NULL for what is not there.
 */
export function selectPoints(plan: ResourcePlan, keys: readonly bigint[]): Statement {
  const { table, key } = plan.sql;
  return {
    sql:
      `SELECT wanted.key, store_state.revision, ${table}.wire, ${expectedCrc(table, key)}, ${table}.${key} ` +
      `FROM store_state CROSS JOIN unnest(?::bigint[]) AS wanted(key) ` +
      `LEFT JOIN ${rowsOf(plan)} ON ${table}.${key} = wanted.key`,
    parameters: [`{${keys.join(",")}}`],
  };
}

/** The bytes of the rows with these keys, in their order, and the CRC-32 that they must have. */
export function selectWires(plan: ResourcePlan, keys: readonly bigint[]): Statement {
  const { table, key } = plan.sql;
  return {
    sql:
      `SELECT ${table}.wire, ${expectedCrc(table, key)} ` +
      `FROM unnest(?::bigint[]) WITH ORDINALITY AS wanted(key, place) ` +
      `JOIN ${rowsOf(plan)} ON ${table}.${key} = wanted.key ORDER BY wanted.place`,
    parameters: [`{${keys.join(",")}}`],
  };
}
