// Checks resource rows, a page at a time: that columns, JSON and bytes say the same, and that every
// reference has its row. Each page is one short read transaction. Changes nothing.

import { fromBinary, type Message, type Registry, toBinary } from "@bufbuild/protobuf";
import type { Database } from "../database/database.ts";
import { StoreError } from "../errors.ts";
import type { Fragment } from "../query/filter/fragment.ts";
import { type WholeRow, withChildren } from "../query/row-set.ts";
import {
  afterKey,
  keyOrder,
  resourceColumns,
  type Statement,
  selectChildren,
  selectPage,
} from "../query/statements.ts";
import type { ColumnPlan, ResourcePlan, TablePlan } from "../schema/plan.ts";
import { formatName } from "../schema/resource-name.ts";
import { rebuildReadable } from "../schema/row.ts";
import { sqlName } from "../schema/sql-name.ts";
import type { Row } from "../schema/sql-value.ts";
import type { Finding, FindingKind } from "./finding.ts";

/** What rows are read from: one call is one read transaction. */
export type RowSource = Pick<Database, "read">;

/** A page of rows that was checked. */
export interface CheckedPage {
  readonly rows: number;
  readonly findings: readonly Finding[];
}

/** Checks every row of the plan's table, `pageRows` in a read transaction. */
export async function* checkRows(
  source: RowSource,
  plan: ResourcePlan,
  plans: readonly ResourcePlan[],
  registry: Registry,
  pageRows: number,
): AsyncGenerator<CheckedPage> {
  const references = referencesOf(plan, plans);
  try {
    for (let after: bigint | undefined; ; ) {
      const { rows, dangling } = await readPage(source, plan, references, after, pageRows);
      if (rows.length === 0) return;
      const findings = rows.flatMap((row) => checkRow(plan, row, registry));
      yield { rows: rows.length, findings: [...findings, ...dangling] };
      after = rows.at(-1)?.row.key;
    }
  } catch (error) {
    if (!(error instanceof StoreError && error.code === "DATABASE_CORRUPT")) throw error;
    // What comes after the pages that cannot be read cannot be found by its key.
    const problem = "its pages cannot be read: the rest of the table was not checked";
    yield { rows: 0, findings: [{ kind: "damaged", subject: plan.table, problem }] };
  }
}

interface PageOfRows {
  readonly rows: readonly WholeRow[];
  readonly dangling: readonly Finding[];
}

async function readPage(
  source: RowSource,
  plan: ResourcePlan,
  references: readonly Reference[],
  after: bigint | undefined,
  pageRows: number,
): Promise<PageOfRows> {
  const page = selectRows(plan, after, pageRows);
  const { rows } = await source.read([
    page,
    ...plan.children.map((child) => selectChildren(plan, child, page)),
    ...references.map((reference) => selectDangling(plan, reference, page)),
  ]);
  const [resources = [], ...others] = rows;
  const children = others.slice(0, plan.children.length);
  const dangling = others.slice(plan.children.length);
  return {
    rows: withChildren(plan, { resources, children }),
    dangling: references.flatMap((reference, index) =>
      (dangling[index] ?? []).map((row) => toDangling(plan, reference, row)),
    ),
  };
}

function selectRows(plan: ResourcePlan, after: bigint | undefined, limit: number): Statement {
  const conditions: Fragment[] = after === undefined ? [] : [afterKey(plan, after)];
  const page = { conditions, ...keyOrder(plan), limit, offset: 0 };
  return selectPage(plan, page, resourceColumns(plan));
}

function checkRow(plan: ResourcePlan, { row, children }: WholeRow, registry: Registry): Finding[] {
  const subject = formatName(plan.resource, row.key);
  const found = (kind: FindingKind, problem: string): Finding => ({ kind, subject, problem });
  const { message, unreadable } = rebuildReadable(plan, row, children, registry);
  const faults = [...new Set(unreadable.values())].map((problem) => found("unreadable", problem));
  if (row.wire === null) return faults;
  const stored = decodeWire(plan, row.wire);
  if (!stored) return [...faults, found("checksum", DAMAGED)];
  if (faults.length > 0) return faults;
  const same = Buffer.compare(toBinary(plan.desc, message), toBinary(plan.desc, stored)) === 0;
  return same ? [] : [found("differs", "its bytes differ from its columns and JSON")];
}

const DAMAGED = "its stored bytes are damaged";

function decodeWire(plan: ResourcePlan, wire: Uint8Array): Message | undefined {
  try {
    return fromBinary(plan.desc, wire);
  } catch {
    return undefined;
  }
}

/** A column that refers to rows of another table. */
interface Reference {
  readonly from: TablePlan;
  /** The column of `from` that holds the key of the resource that the row is, or is part of. */
  readonly owner: string;
  readonly column: ColumnPlan;
  readonly to: ResourcePlan;
}

function referencesOf(plan: ResourcePlan, plans: readonly ResourcePlan[]): readonly Reference[] {
  const tables = [
    { from: plan as TablePlan, owner: plan.key },
    ...plan.children.map((child) => ({ from: child, owner: child.parentKey })),
  ];
  return tables.flatMap(({ from, owner }) =>
    from.columns.flatMap((column) => {
      const to = plans.find(({ resource }) => resource === column.reference);
      return to ? [{ from, owner, column, to }] : [];
    }),
  );
}

/** The owner of each row whose reference has no row, and the key that it refers to. */
function selectDangling(plan: ResourcePlan, reference: Reference, page: Statement): Statement {
  const [from, to] = [sqlName(reference.from.table), sqlName(reference.to.table)];
  const [owner, column] = [sqlName(reference.owner), sqlName(reference.column.name)];
  return {
    sql:
      `SELECT one.${owner}, one.${column} FROM ${from} AS one ` +
      `WHERE one.${owner} IN (SELECT ${sqlName(plan.key)} FROM (${page.sql})) ` +
      `AND one.${column} IS NOT NULL AND NOT EXISTS ` +
      `(SELECT 1 FROM ${to} AS other WHERE other.${sqlName(reference.to.key)} = one.${column}) ` +
      `ORDER BY one.${owner}`,
    parameters: page.parameters,
  };
}

function toDangling(plan: ResourcePlan, { from, column, to }: Reference, row: Row): Finding {
  const [owner, target] = row;
  const inside = from === plan ? "" : `${plan.children.find((c) => c === from)?.field.name}.`;
  const name = typeof target === "bigint" ? formatName(to.resource, target) : `a ${to.desc.name}`;
  return {
    kind: "dangling",
    subject: formatName(plan.resource, owner as bigint),
    problem: `${inside}${column.field.name} refers to ${name}, which does not exist`,
  };
}
