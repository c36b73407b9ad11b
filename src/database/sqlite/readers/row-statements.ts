// The statements that read rows by their keys as SQLite is quickest at it. Pure.
// Only names from plans enter the text; every value is a parameter.

import { expectedCrc } from "../../../schema/checksum.ts";
import type { ResourcePlan } from "../../../schema/plan.ts";
import type { SqlValue } from "../../../schema/sql-value.ts";
import { rowsOf } from "../../sql/rows-of.ts";
import { LIMIT, type Statement } from "../../sql/statements.ts";
import { type Connection, readPragma } from "../connection/connection.ts";

/**
 * Bytes, revision of the database, and the CRC-32 that the bytes must have; the only parameter is the
 * key. A join takes twice the time.
 */
export function selectWire(plan: ResourcePlan, key: bigint): Statement {
  let sql = wireTexts.get(plan);
  if (sql === undefined) {
    const { table, key: column } = plan.sql;
    const columns = `wire, (SELECT revision FROM store_state), ${expectedCrc(table, column)}`;
    sql = `SELECT ${columns} FROM ${rowsOf(plan)} WHERE ${column} = ?`;
    wireTexts.set(plan, sql);
  }
  return { sql, parameters: [key] };
}

/** Asked for with every Get. */
const wireTexts = new WeakMap<ResourcePlan, string>();

/** SQLite joins texts: bytes stay what they are only if they are in its own encoding already. */
export function joinsBytes(connection: Connection): boolean {
  return readPragma(connection, "encoding") === "UTF-8";
}

/** What `SelectWires` is. */
export function selectWires(
  plan: ResourcePlan,
  keys: readonly bigint[],
  joined: boolean,
): Statement {
  const { table, key } = plan.sql;
  const crc = expectedCrc(table, key);
  const columns = joined
    ? `CAST(group_concat(${table}.wire, '') AS BLOB), group_concat(${crc} | 0)`
    : `${table}.wire, ${crc}`;
  return {
    // The order of the loops is the order of the keys.
    sql: `SELECT ${columns} FROM json_each(?) CROSS JOIN ${rowsOf(plan)} ON ${table}.${key} = json_each.value`,
    parameters: [`[${keys.join(",")}]`],
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
  const range = after === undefined ? "" : ` WHERE ${key} > ?`;
  const sql =
    "SELECT (SELECT revision FROM store_state), count(*), group_concat(id), group_concat(size), " +
    "CAST(group_concat(wire, '') AS BLOB) FROM (" +
    `SELECT ${key} AS id, (length(wire) << 32) + (${expectedCrc(table, key)}) AS size, CASE WHEN length(wire) <= ? THEN wire END AS wire ` +
    `FROM ${rowsOf(plan)}${range} ORDER BY ${table}.${key} ${LIMIT})`;
  const from = after === undefined ? [] : [after];
  return { sql, parameters: [BigInt(rowBytesMax), ...from, BigInt(limit)] };
}
