// Reads rows with their child rows, each text exactly as it is stored.
// Decodes nothing but texts; runs in the transaction that the caller has open.

import type { ResourcePlan, TablePlan } from "../../schema/plan.ts";
import type { Cells } from "../../schema/row.ts";
import type { Row } from "../../schema/sql-value.ts";
import { isDoubtful, textOf } from "../../schema/text-bytes.ts";
import type { RowDialect } from "./dialect.ts";
import { selectTextBytes } from "./key-statements.ts";
import { type WholeRow, withChildren } from "./row-set.ts";
import { type Statement, selectChildren } from "./statements.ts";
import { allRows, rowsOfEach, type Steps } from "./steps.ts";

/** The rows of a statement that selects `resourceColumns`, in a database of this dialect. */
export function* readWholeRows(
  plan: ResourcePlan,
  statement: Statement,
  dialect: RowDialect,
): Steps<readonly WholeRow[]> {
  const ofChildren = plan.children.map((child) => selectChildren(plan, child, statement));
  const [resources = [], ...children] = yield* rowsOfEach([statement, ...ofChildren]);
  const rows = withChildren(plan, { resources, children });
  const isExact = ({ row, children }: WholeRow) =>
    !hasDoubt(row, dialect) && children.every((list) => !list.some((c) => hasDoubt(c, dialect)));
  return rows.every(isExact) ? rows : yield* withExactTexts(plan, rows, dialect);
}

/** True if the driver may have given another text than the one that is stored. */
function hasDoubt({ columns, data }: Cells, dialect: RowDialect): boolean {
  return (
    isDoubtful(data, dialect.encoding) || columns.some((each) => isDoubtful(each, dialect.encoding))
  );
}

/** The same rows, their texts as the bytes in the file have them. */
function* withExactTexts(
  plan: ResourcePlan,
  rows: readonly WholeRow[],
  dialect: RowDialect,
): Steps<readonly WholeRow[]> {
  const resources = rows.map(({ row }) => row);
  const own = yield* exactly(plan, resources, dialect);
  const children: Map<bigint, Cells>[] = [];
  for (const [index, child] of plan.children.entries()) {
    const all = rows.flatMap((whole) => whole.children[index] ?? []);
    children.push(yield* exactly(child, all, dialect));
  }
  return rows.map((whole) => ({
    row: { ...whole.row, ...own.get(whole.row.key) },
    children: whole.children.map((list, index) =>
      list.map((child) => ({ ...child, ...children[index]?.get(child.key) })),
    ),
  }));
}

/** The cells of the rows in which there is a doubtful text, by the rows' keys. */
function* exactly(
  plan: TablePlan,
  rows: readonly (Cells & { readonly key: bigint })[],
  dialect: RowDialect,
): Steps<Map<bigint, Cells>> {
  const doubtful = rows.filter((cells) => hasDoubt(cells, dialect));
  if (doubtful.length === 0) return new Map();
  const keys = doubtful.map(({ key }) => key);
  const found = yield* allRows(selectTextBytes(plan, keys, dialect));
  const bytes = new Map(found.map((row) => [row[0] as bigint, row.slice(1)]));
  return new Map(
    doubtful.map((row) => {
      const [data, ...columns] = exactCells(
        [row.data, ...row.columns],
        bytes.get(row.key) ?? [],
        (text) => textOf(text, dialect.encoding),
      );
      return [row.key, { data: data as string, columns }];
    }),
  );
}

function exactCells(values: Row, bytes: Row, decode: (bytes: Uint8Array) => string): Row {
  return values.map((value, index) => {
    const exact = bytes[index];
    return exact instanceof Uint8Array ? decode(exact) : value;
  });
}
