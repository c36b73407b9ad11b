// Checks resource rows, some at a time: what each row says, and that every reference has its row. No
// read transaction outlives them. Changes nothing.

import type { Registry } from "@bufbuild/protobuf";
import { StoreError } from "../../../errors.ts";
import type { ResourcePlan } from "../../../schema/plan.ts";
import type { Cells } from "../../../schema/row.ts";
import type { Row, SqlValue } from "../../../schema/sql-value.ts";
import { isDoubtful, type TextEncoding, textOf } from "../../../schema/text-bytes.ts";
import type { Database } from "../../database.ts";
import type { CheckedRows, Finding, RowCheck } from "../../finding.ts";
import type { Dialect } from "../dialect.ts";
import type { Fragment } from "../filter/fragment.ts";
import { selectByKeys, selectTextBytes } from "../key-statements.ts";
import { type WholeRow, withChildren } from "../row-set.ts";
import {
  afterKey,
  keyOrder,
  resourceColumns,
  type Statement,
  selectChildren,
  selectPage,
} from "../statements.ts";
import { checkRow } from "./check-row.ts";
import { type Reference, referencesOf, selectDangling, toDangling } from "./dangling.ts";

/** What rows are read from: one call is one read transaction. */
export interface RowSource extends Pick<Database, "read"> {
  readonly dialect: Dialect;
}

/** Checks some rows, in one read transaction, or two if a text has to be read as bytes. */
export async function checkRows(
  source: RowSource,
  registry: Registry,
  { plan, plans, after, limit }: RowCheck,
): Promise<CheckedRows> {
  try {
    const page = await readPage(source, plan, referencesOf(plan, plans), after, limit);
    const { rows, dangling, revision } = page;
    const findings = rows.flatMap((row) => checkRow(plan, row, registry, revision));
    const last = rows.at(-1)?.row.key;
    return { rows: rows.length, findings: [...findings, ...dangling], last };
  } catch (error) {
    if (!(error instanceof StoreError && error.code === "DATABASE_CORRUPT")) throw error;
    // What comes after the pages that cannot be read cannot be found by its key.
    const problem = "its pages cannot be read: the rest of the table was not checked";
    const findings = [{ kind: "damaged", subject: plan.table, problem } as const];
    return { rows: 0, findings, last: undefined };
  }
}

/** A page of rows, their texts as the bytes in the file have them. */
interface PageOfRows {
  readonly rows: readonly WholeRow[];
  readonly dangling: readonly Finding[];
  readonly revision: bigint;
}

async function readPage(
  source: RowSource,
  plan: ResourcePlan,
  references: readonly Reference[],
  after: bigint | undefined,
  pageRows: number,
): Promise<PageOfRows> {
  const { dialect } = source;
  const page = selectRows(plan, after, pageRows, dialect);
  const { rows, revision } = await source.read([
    page,
    ...plan.children.map((child) => selectChildren(plan, child, page)),
    ...references.map((reference) => selectDangling(plan, reference, page)),
  ]);
  const [resources = [], ...others] = rows;
  const children = others.slice(0, plan.children.length);
  const dangling = others.slice(plan.children.length);
  return {
    rows: await withExactTexts(source, plan, withChildren(plan, { resources, children })),
    dangling: references.flatMap((reference, index) =>
      (dangling[index] ?? []).map((row) => toDangling(plan, reference, row)),
    ),
    revision,
  };
}

/** Reads those rows again that have a text which the driver may have mended, with its bytes. */
export async function withExactTexts(
  source: RowSource,
  plan: ResourcePlan,
  rows: readonly WholeRow[],
): Promise<readonly WholeRow[]> {
  const { dialect } = source;
  const { encoding } = dialect;
  const isDoubtfulRow = ({ data, columns }: Cells) =>
    [data, ...columns].some((value) => isDoubtful(value, encoding));
  const doubtful = rows.filter(
    ({ row, children }) => isDoubtfulRow(row) || children.flat().some(isDoubtfulRow),
  );
  if (doubtful.length === 0) return rows;
  const keys = doubtful.map(({ row }) => row.key);
  const again = selectByKeys(plan, keys, dialect);
  const childKeys = plan.children.map((_, index) =>
    doubtful.flatMap(({ children }) => (children[index] ?? []).map(({ key }) => key)),
  );
  const found = await source.read([
    again,
    ...plan.children.map((child) => selectChildren(plan, child, again)),
    selectTextBytes(plan, keys, dialect),
    ...plan.children.map((child, index) => selectTextBytes(child, childKeys[index] ?? [], dialect)),
  ]);
  const [resources = [], ...others] = found.rows;
  const children = others.slice(0, plan.children.length);
  const bytes = others.slice(plan.children.length).map(byKey);
  const exact = withChildren(plan, { resources, children }).map((whole) => ({
    row: { ...whole.row, ...exactTexts(whole.row, bytes[0]?.get(whole.row.key), encoding) },
    children: whole.children.map((list, index) =>
      list.map((child) => ({
        ...child,
        ...exactTexts(child, bytes[index + 1]?.get(child.key), encoding),
      })),
    ),
  }));
  const exactByKey = new Map(exact.map((whole) => [whole.row.key, whole]));
  return rows.map((whole) => exactByKey.get(whole.row.key) ?? whole);
}

function byKey(rows: readonly Row[]): ReadonlyMap<bigint, Row> {
  return new Map(rows.map(([key, ...bytes]) => [key as bigint, bytes]));
}

function exactTexts({ data, columns }: Cells, bytes: Row = [], encoding: TextEncoding): Cells {
  const [exactData, ...exactColumns] = [data, ...columns].map((value, index) => {
    const stored = bytes[index];
    return stored instanceof Uint8Array ? textOf(stored, encoding) : value;
  });
  return { data: exactData as string, columns: exactColumns as SqlValue[] };
}

function selectRows(
  plan: ResourcePlan,
  after: bigint | undefined,
  limit: number,
  dialect: Dialect,
): Statement {
  const conditions: Fragment[] = after === undefined ? [] : [afterKey(plan, after)];
  // The key is among the columns: twice, no statement around this one could name it.
  const page = { conditions, ...keyOrder(plan), sortTerms: [], limit, offset: 0 };
  return selectPage(plan, page, dialect, resourceColumns(plan));
}
