// Recomputes every row and proves that its columns, its JSON and its bytes say the same.
// Reads page by page, so that no read transaction is long. Changes nothing.

import { type Registry, toBinary } from "@bufbuild/protobuf";
import type { Database } from "../database/database.ts";
import { StoreError } from "../errors.ts";
import type { Fragment } from "../query/filter/fragment.ts";
import { type WholeRow, withChildren } from "../query/row-set.ts";
import {
  afterKey,
  keyOrder,
  type PageQuery,
  resourceColumns,
  type Statement,
  selectChildren,
  selectPage,
} from "../query/statements.ts";
import type { ResourcePlan } from "../schema/plan.ts";
import { formatName } from "../schema/resource-name.ts";
import { type ChildRow, decodeRow, type ResourceRow, rebuildRow } from "../schema/row.ts";

/** Something that is not as it must be; `subject` is a resource name, or a table of the database. */
export interface Finding {
  readonly subject: string;
  readonly problem: string;
}

/** How far a verification has come. */
export interface VerifyProgress {
  readonly rowsDone: number;
  readonly rowsTotal: number;
  /** What the last step found. */
  readonly findings: readonly Finding[];
}

const PAGE_ROWS = 500;

/** Verifies the database: its pages and foreign keys, then each row of each resource. */
export async function* verifyDatabase(
  database: Database,
  plans: readonly ResourcePlan[],
  registry: Registry,
): AsyncGenerator<VerifyProgress> {
  const counts = await database.read(
    plans.map((plan) => statement(`SELECT count(*) FROM ${plan.sql.table}`)),
  );
  const rowsTotal = counts.rows.reduce((sum, [row]) => sum + Number(row?.[0]), 0);
  let rowsDone = 0;
  yield { rowsDone, rowsTotal, findings: await checkPages(database) };
  for (const plan of plans) {
    for await (const page of readPages(database, plan)) {
      rowsDone += page.length;
      const findings = page.flatMap(({ row, children }) => checkRow(plan, row, children, registry));
      yield { rowsDone, rowsTotal, findings };
    }
  }
}

async function checkPages(database: Database): Promise<Finding[]> {
  const { rows } = await database.read([
    statement("SELECT integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok'"),
    statement('SELECT "table", rowid, parent FROM pragma_foreign_key_check'),
  ]);
  const [integrity = [], foreignKeys = []] = rows;
  return [
    ...integrity.map(([problem]) => ({ subject: "database", problem: String(problem) })),
    ...foreignKeys.map(([table, rowid, parent]) => ({
      subject: String(table),
      problem: `row ${rowid} refers to a row of ${parent} that does not exist`,
    })),
  ];
}

async function* readPages(database: Database, plan: ResourcePlan) {
  let after: bigint | null = null;
  for (;;) {
    const conditions: Fragment[] = after === null ? [] : [afterKey(plan, after)];
    const page = { conditions, ...keyOrder(plan), limit: PAGE_ROWS, offset: 0 };
    const rowsOfPage: WholeRow[] = await readRows(database, plan, page);
    const last = rowsOfPage.at(-1);
    if (!last) return;
    yield rowsOfPage;
    after = last.row.key;
  }
}

async function readRows(
  database: Database,
  plan: ResourcePlan,
  page: PageQuery,
): Promise<WholeRow[]> {
  const statement = selectPage(plan, page, resourceColumns(plan));
  const forChildren = plan.children.map((child) => selectChildren(plan, child, statement));
  const { rows } = await database.read([statement, ...forChildren]);
  const [resources = [], ...children] = rows;
  return withChildren(plan, { resources, children });
}

function checkRow(
  plan: ResourcePlan,
  row: ResourceRow,
  children: readonly (readonly ChildRow[])[],
  registry: Registry,
): Finding[] {
  const subject = formatName(plan.resource, row.key);
  try {
    const rebuilt = toBinary(plan.desc, rebuildRow(plan, row, children, registry));
    const stored = toBinary(plan.desc, decodeRow(plan, row, children, registry));
    if (Buffer.compare(rebuilt, stored) === 0) return [];
    return [{ subject, problem: "its bytes differ from its columns and JSON" }];
  } catch (error) {
    const problem = error instanceof StoreError ? error.message : "its bytes cannot be decoded";
    return [{ subject, problem }];
  }
}

function statement(sql: string): Statement {
  return { sql, parameters: [] };
}
