// The statements that read rows by their keys as PostgreSQL is quickest at it. Pure.
// Only names from plans enter the text; every value is a parameter.

import { expectedCrc } from "../../schema/checksum.ts";
import type { ResourcePlan } from "../../schema/plan.ts";
import type { SqlValue } from "../../schema/sql-value.ts";
import { rowsOf } from "../sql/rows-of.ts";
import { LIMIT, type Statement } from "../sql/statements.ts";
import { arrayText } from "./statement-text.ts";

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
    parameters: [arrayText(keys)],
  };
}

/** What `SelectWires` is. */
export function selectWires(
  plan: ResourcePlan,
  keys: readonly bigint[],
  joined: boolean,
): Statement {
  const { table, key } = plan.sql;
  const crc = expectedCrc(table, key);
  if (joined) {
    const inOrder = "ORDER BY wanted.place";
    return {
      sql:
        `SELECT string_agg(${table}.wire, '' ${inOrder}), string_agg((${crc})::text, ',' ${inOrder}) ` +
        `FROM unnest(?::bigint[]) WITH ORDINALITY AS wanted(key, place) ` +
        `JOIN ${rowsOf(plan)} ON ${table}.${key} = wanted.key`,
      parameters: [arrayText(keys)],
    };
  }
  return {
    sql:
      `SELECT ${table}.wire, ${crc} ` +
      `FROM unnest(?::bigint[]) WITH ORDINALITY AS wanted(key, place) ` +
      `JOIN ${rowsOf(plan)} ON ${table}.${key} = wanted.key ORDER BY wanted.place`,
    parameters: [arrayText(keys)],
  };
}

/** A page by key, after the row `after` if there is one, as a `JoinedRow` with messages of up to `rowBytesMax`. */
export function selectJoinedPage(
  plan: ResourcePlan,
  after: SqlValue | undefined,
  rowBytesMax: number,
  limit: number,
): Statement {
  const { table, key } = plan.sql;
  const range = after === undefined ? "" : ` WHERE ${table}.${key} > ?`;
  const sql =
    "SELECT (SELECT revision FROM store_state), count(*), string_agg(id::text, ','), " +
    "string_agg(size::text, ','), string_agg(wire, '') FROM (" +
    `SELECT ${table}.${key} AS id, (length(${table}.wire)::bigint << 32) + (${expectedCrc(table, key)}) AS size, ` +
    `CASE WHEN length(${table}.wire) <= ? THEN ${table}.wire END AS wire ` +
    `FROM ${rowsOf(plan)}${range} ORDER BY ${table}.${key} ${LIMIT}) AS page`;
  const from = after === undefined ? [] : [after];
  return { sql, parameters: [BigInt(rowBytesMax), ...from, BigInt(limit)] };
}
