// Reads rows with their child rows, each text exactly as it is stored.
// Decodes nothing but texts; runs in the transaction that the caller has open.

import type { ResourcePlan, TablePlan } from "../../schema/plan.ts";
import type { Cells } from "../../schema/row.ts";
import type { Row } from "../../schema/sql-value.ts";
import { isDoubtful, type TextEncoding, textOf } from "../../schema/text-bytes.ts";
import { selectTextBytes } from "./key-statements.ts";
import { type WholeRow, withChildren } from "./row-set.ts";
import { type Statement, selectChildren } from "./statements.ts";
import { allRows, rowsOfEach, type Steps } from "./steps.ts";

/** The rows of a statement that selects `resourceColumns`, in a database of this encoding. */
export function* readWholeRows(
  plan: ResourcePlan,
  statement: Statement,
  encoding: TextEncoding,
): Steps<readonly WholeRow[]> {
  const ofChildren = plan.children.map((child) => selectChildren(plan, child, statement));
  const [resources = [], ...children] = yield* rowsOfEach([statement, ...ofChildren]);
  const rows = withChildren(plan, { resources, children });
  const isExact = ({ row, children }: WholeRow) =>
    !hasDoubt(row, encoding) && children.every((list) => !list.some((c) => hasDoubt(c, encoding)));
  return rows.every(isExact) ? rows : yield* withExactTexts(plan, rows, encoding);
}

/** True if the driver may have given another text than the one that is stored. */
function hasDoubt({ columns, data }: Cells, encoding: TextEncoding): boolean {
  return isDoubtful(data, encoding) || columns.some((value) => isDoubtful(value, encoding));
}

/** The same rows, their texts as the bytes in the file have them. */
function* withExactTexts(
  plan: ResourcePlan,
  rows: readonly WholeRow[],
  encoding: TextEncoding,
): Steps<readonly WholeRow[]> {
  const resources = rows.map(({ row }) => row);
  const own = yield* exactly(plan, resources, encoding);
  const children: Map<bigint, Cells>[] = [];
  for (const [index, child] of plan.children.entries()) {
    const all = rows.flatMap((whole) => whole.children[index] ?? []);
    children.push(yield* exactly(child, all, encoding));
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
  encoding: TextEncoding,
): Steps<Map<bigint, Cells>> {
  const doubtful = rows.filter((cells) => hasDoubt(cells, encoding));
  if (doubtful.length === 0) return new Map();
  const keys = doubtful.map(({ key }) => key);
  const found = yield* allRows(selectTextBytes(plan, keys));
  const bytes = new Map(found.map((row) => [row[0] as bigint, row.slice(1)]));
  return new Map(
    doubtful.map((row) => {
      const [data, ...columns] = exactCells(
        [row.data, ...row.columns],
        bytes.get(row.key) ?? [],
        (text) => textOf(text, encoding),
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
