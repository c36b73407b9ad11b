// Makes columns and JSON of rows anew whose fields were unknown to the server that wrote them: the
// messages, their revisions and times stay. Some rows at a time, one commit each; how far it is stands
// in the database, so that the next start goes on from there.

import type { Registry } from "@bufbuild/protobuf";
import { StoreError } from "../../../errors.ts";
import type { Log } from "../../../observe/log.ts";
import type { ResourcePlan } from "../../../schema/plan.ts";
import { formatName } from "../../../schema/resource-name.ts";
import { sqlName } from "../../../schema/sql-name.ts";
import type { Row } from "../../../schema/sql-value.ts";
import type { Operation } from "../../database.ts";
import { selectByKeys } from "../key-statements.ts";
import { withChildren } from "../row-set.ts";
import { type Statement, selectChildren } from "../statements.ts";
import { deriveRow } from "./derive-row.ts";
import { type DescriptorSource, moveDerivation, type SchemaState } from "./schema-store.ts";

/** A table and which of its rows are concerned: those with unknown fields, or all. */
export interface DerivedTable {
  readonly plan: ResourcePlan;
  readonly rows: "marked" | "all";
}

/** What rows are derived with. */
export interface DerivationTools {
  readonly source: DescriptorSource;
  readonly registry: Registry;
  readonly log: Log;
  /** The rows of one commit. */
  readonly batchRows: number;
}

/** A batch that others write to meanwhile is made again so often. */
const ATTEMPTS_MAX = 10;
/** How often the log says how far it is, in milliseconds. */
const LOG_INTERVAL_MS = 1_000;

/** How many rows are concerned. */
export async function countRows(
  source: DescriptorSource,
  tables: readonly DerivedTable[],
): Promise<bigint> {
  let total = 0n;
  for (const table of tables) {
    const sql = `SELECT count(*) FROM ${table.plan.sql.table} WHERE ${condition(source, table)}`;
    const [[count] = []] = await source.ask({ sql, parameters: [] });
    total += count as bigint;
  }
  return total;
}

/**
 * Derives the rows of the tables, beginning after `position`, for the descriptors with this hash. A row
 * that cannot be read or written anew stays as it is, and is named in the log.
 */
export async function deriveTables(
  tools: DerivationTools,
  tables: readonly DerivedTable[],
  hash: string,
  { position, rowsDone, rowsTotal }: Pick<SchemaState, "position" | "rowsDone" | "rowsTotal">,
): Promise<void> {
  const { log, source, batchRows } = tools;
  const start = tables.findIndex(({ plan }) => plan.table === position.table);
  let done = rowsDone;
  let loggedMs = Date.now();
  for (const table of tables.slice(Math.max(start, 0))) {
    let after = table.plan.table === position.table ? position.key : null;
    for (;;) {
      const concerned = await source.ask(selectConcerned(source, table, after, batchRows));
      const keys = concerned.map(([key]) => key as bigint);
      const last = keys.at(-1);
      if (last === undefined) break;
      await deriveBatch(tools, table.plan, keys, hash);
      done += BigInt(keys.length);
      after = last;
      if (Date.now() - loggedMs < LOG_INTERVAL_MS) continue;
      loggedMs = Date.now();
      log.info({ done: Number(done), rows: Number(rowsTotal) }, "deriving rows anew");
    }
  }
}

async function deriveBatch(
  { source, registry, log }: DerivationTools,
  plan: ResourcePlan,
  keys: readonly bigint[],
  hash: string,
): Promise<void> {
  const moved = moveDerivation(hash, plan.table, keys.at(-1) as bigint, keys.length);
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const revision = await readRevision(source);
    const unreadable = new Map<bigint, StoreError>();
    const rows = await readRows(source, plan, selectByKeys(plan, keys, source.dialect));
    const statements = rows.flatMap((whole) => {
      try {
        return deriveRow(plan, whole, registry);
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        unreadable.set(whole.row.key, error);
        return [];
      }
    });
    await source.commit([...statements, moved].map(toOperation));
    if ((await readRevision(source)) !== revision) continue;
    for (const [key, err] of unreadable) {
      log.warn({ resource: formatName(plan.resource, key), err }, "a row cannot be derived anew");
    }
    return;
  }
}

async function readRevision({ ask }: DescriptorSource): Promise<unknown> {
  return (await ask({ sql: "SELECT revision FROM store_state", parameters: [] }))[0]?.[0];
}

async function readRows({ ask }: DescriptorSource, plan: ResourcePlan, statement: Statement) {
  const resources = await ask(statement);
  const children: (readonly Row[])[] = [];
  for (const child of plan.children) {
    children.push(await ask(selectChildren(plan, child, statement)));
  }
  return withChildren(plan, { resources, children });
}

/** It changes nothing that clients see, so that it takes no revision. */
function toOperation(statement: Statement): Operation {
  return { kind: "execute", statement, unseen: true };
}

function selectConcerned(
  source: DescriptorSource,
  table: DerivedTable,
  after: bigint | null,
  limit: number,
): Statement {
  const { sql } = table.plan;
  const range = after === null ? "" : `${sql.table}.${sql.key} > ? AND `;
  return {
    sql:
      `SELECT ${sql.key} FROM ${sql.table} WHERE ${range}${condition(source, table)} ` +
      `ORDER BY ${sql.table}.${sql.key} LIMIT ?`,
    parameters: [...(after === null ? [] : [after]), BigInt(limit)],
  };
}

/** The SQL condition that a row of the table is concerned. */
export function condition(
  source: Pick<DescriptorSource, "placeIn">,
  { plan, rows }: DerivedTable,
): string {
  if (rows === "all") return "TRUE";
  const { table, key } = plan.sql;
  const inChildren = plan.children.map(
    (child) =>
      `EXISTS (SELECT 1 FROM ${child.sql.table} AS lines ` +
      `WHERE lines.${sqlName(child.parentKey)} = ${table}.${key} AND ${isMarked(source, "lines")})`,
  );
  return `(${[isMarked(source, table), ...inChildren].join(" OR ")})`;
}

/** What was unknown, or had no JSON; others may have written the $ of the keys as an escape. */
function isMarked({ placeIn }: Pick<DescriptorSource, "placeIn">, table: string): string {
  const texts = ['"$unknown"', '"$wire"', "\\u0024"];
  return `(${texts.map((text) => `${placeIn(`${table}.data`, `'${text}'`)} > 0`).join(" OR ")})`;
}
