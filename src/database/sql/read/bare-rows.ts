// Finds, a stretch of a table at a time, the rows that have no bytes to be trusted.
// Must not make the bytes.

import type { ResourcePlan } from "../../../schema/plan.ts";
import { sqlName } from "../../../schema/sql-name.ts";
import type { Row } from "../../../schema/sql-value.ts";
import type { BareRow, Database } from "../../database.ts";
import type { RowDialect } from "../dialect.ts";
import { sizeOf } from "../key-statements.ts";
import { rowsOf } from "../rows-of.ts";
import { LIMIT, type Statement } from "../statements.ts";

/** The bare rows of a database whose statements `read` runs. */
export function bareRowsBy(read: Database["read"], dialect: RowDialect): Database["bareRows"] {
  return async (plan, after, limit, limits) => {
    const statements = [
      selectStretch(plan, after, limit),
      selectBareIn(plan, after, limit, dialect),
    ];
    const { rows, revision } = await read(statements, limits);
    const [last, looked] = rows[0]?.[0] ?? [];
    return {
      looked: Number(looked),
      last: (last as bigint | null | undefined) ?? undefined,
      rows: (rows[1] ?? []).map(toBareRow),
      revision,
    };
  };
}

function toBareRow([key, revision, bytes]: Row): BareRow & { readonly bytes: number } {
  return { key: key as bigint, revision, bytes: Number(bytes) };
}

/** The condition that a row has no bytes that are to be trusted. */
const IS_BARE = "(wire IS NULL OR checksum IS NULL)";

/** One row with the highest of the first `limit` keys after `after`, and how many keys there are. */
function selectStretch(plan: ResourcePlan, after: bigint | undefined, limit: number): Statement {
  const { table, key } = plan.sql;
  const range = after === undefined ? "" : ` WHERE ${key} > ?`;
  return {
    sql: `SELECT max(id) AS last, count(*) FROM (SELECT ${key} AS id FROM ${rowsOf(plan)}${range} ORDER BY ${table}.${key} ${LIMIT}) AS stretch`,
    parameters: [...(after === undefined ? [] : [after]), BigInt(limit)],
  };
}

/** The bytes that a child row is taken to have. */
const CHILD_BYTES = 100;

/** Of the same rows, key, revision and about the size of those that have no bytes to be trusted. */
function selectBareIn(
  plan: ResourcePlan,
  after: bigint | undefined,
  limit: number,
  dialect: RowDialect,
): Statement {
  const { table, key } = plan.sql;
  const stretch = selectStretch(plan, after, limit);
  const range = after === undefined ? "" : `${table}.${key} > ? AND `;
  const sizes = plan.children.map(
    ({ sql, parentKey }) =>
      ` + ${CHILD_BYTES} * (SELECT count(*) FROM ${sql.table} AS lines WHERE lines.${sqlName(parentKey)} = ${table}.${key})`,
  );
  return {
    sql:
      `SELECT ${key}, revision, ${sizeOf(plan, dialect)}${sizes.join("")} FROM ${rowsOf(plan)} WHERE ${range}` +
      `${table}.${key} <= (SELECT last FROM (${stretch.sql}) AS keys) AND ${IS_BARE} ORDER BY ${table}.${key}`,
    parameters: [...(after === undefined ? [] : [after]), ...stretch.parameters],
  };
}
