// Reads rows with their child rows, each text exactly as it is stored.
// Decodes nothing but texts; runs in the transaction that the caller has open.

import type { ResourcePlan, TablePlan } from "../../../schema/plan.ts";
import type { Cells } from "../../../schema/row.ts";
import type { Row } from "../../../schema/sql-value.ts";
import { isDoubtful, type TextEncoding, textOf } from "../../../schema/text-bytes.ts";
import { type WholeRow, withChildren } from "../../sql/row-set.ts";
import { type Statement, selectChildren } from "../../sql/statements.ts";
import type { StatementRunner } from "../connection/statement-cache.ts";
import { selectTextBytes } from "./row-statements.ts";

const encodings = new WeakMap<StatementRunner, TextEncoding>();

/** The encoding of the database; it never changes. */
function encodingOf(runner: StatementRunner): TextEncoding {
  let encoding = encodings.get(runner);
  if (!encoding) {
    encoding = runner.get({ sql: "PRAGMA encoding", parameters: [] })?.[0] as TextEncoding;
    encodings.set(runner, encoding);
  }
  return encoding;
}

/** The rows of a statement that selects `resourceColumns`. */
export function readWholeRows(
  runner: StatementRunner,
  plan: ResourcePlan,
  statement: Statement,
): readonly WholeRow[] {
  const resources = runner.all(statement);
  const children = plan.children.map((child) => runner.all(selectChildren(plan, child, statement)));
  return withExactTexts(runner, plan, withChildren(plan, { resources, children }));
}

/** The same rows, their texts as the bytes in the file have them. */
export function withExactTexts(
  runner: StatementRunner,
  plan: ResourcePlan,
  rows: readonly WholeRow[],
): readonly WholeRow[] {
  const own = exactly(
    runner,
    plan,
    rows.map(({ row }) => row),
  );
  const children = plan.children.map((child, index) =>
    exactly(
      runner,
      child,
      rows.flatMap((whole) => whole.children[index] ?? []),
    ),
  );
  if (own.size === 0 && children.every(({ size }) => size === 0)) return rows;
  return rows.map((whole) => ({
    row: { ...whole.row, ...own.get(whole.row.key) },
    children: whole.children.map((list, index) =>
      list.map((child) => ({ ...child, ...children[index]?.get(child.key) })),
    ),
  }));
}

/** The cells of the rows in which there is a doubtful text, by the rows' keys. */
function exactly(
  runner: StatementRunner,
  plan: TablePlan,
  rows: readonly (Cells & { readonly key: bigint })[],
): Map<bigint, Cells> {
  const encoding = encodingOf(runner);
  const doubtful = rows.filter(({ columns, data }) =>
    [data, ...columns].some((value) => isDoubtful(value, encoding)),
  );
  if (doubtful.length === 0) return new Map();
  const keys = doubtful.map(({ key }) => key);
  const bytes = new Map(
    runner.all(selectTextBytes(plan, keys)).map((row) => [row[0] as bigint, row.slice(1)]),
  );
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
