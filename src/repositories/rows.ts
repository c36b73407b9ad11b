// From rows to messages' bytes: as they are stored or, if another program wrote the row, made anew.
// Shared by all repositories; chooses no rows.

import { type Registry, toBinary } from "@bufbuild/protobuf";
import type { CallLimits, Database } from "../database/database.ts";
import { type Statement, selectChildren, toChildRow, toResourceRow } from "../query/statements.ts";
import type { ResourcePlan } from "../schema/plan.ts";
import { type ChildRow, type ResourceRow, rebuildRow } from "../schema/row.ts";
import type { Row } from "../schema/sql-value.ts";

/** The resource rows and child rows of one snapshot. */
export interface RowSet {
  readonly resources: readonly Row[];
  readonly children: readonly (readonly Row[])[];
}

/** A message's bytes and the key of its row. */
export interface Keyed {
  readonly key: bigint;
  readonly bytes: Uint8Array;
}

/**
 * Reads the rows of statements that select `resourceColumns`, one after the other, with their child
 * rows, and the rows of `more` statements, all of one snapshot.
 */
export async function readRows(
  database: Database,
  plan: ResourcePlan,
  statements: readonly Statement[],
  call?: CallLimits,
  more: readonly Statement[] = [],
): Promise<{ rows: RowSet; more: readonly (readonly Row[])[]; revision: bigint }> {
  const forChildren = plan.children.map((child) =>
    statements.map((statement) => selectChildren(plan, child, statement)),
  );
  const all = [...statements, ...forChildren.flat(), ...more];
  const { rows, revision } = await database.read(all, call);
  const count = statements.length;
  const resources = rows.slice(0, count).flat();
  const children = forChildren.map((_, i) => rows.slice((i + 1) * count, (i + 2) * count).flat());
  return { rows: { resources, children }, more: rows.slice(all.length - more.length), revision };
}

/** The bytes of each row's message. */
export function messageBytes(plan: ResourcePlan, rows: RowSet, registry: Registry): Keyed[] {
  return withChildren(plan, rows).map(({ row, children }) => ({
    key: row.key,
    bytes: row.wire ?? toBinary(plan.desc, rebuildRow(plan, row, children, registry)),
  }));
}

/** Each resource row with its own child rows. */
export function withChildren(
  plan: ResourcePlan,
  rows: RowSet,
): { row: ResourceRow; children: readonly (readonly ChildRow[])[] }[] {
  const byParent = rows.children.map((children) =>
    Map.groupBy(children.map(toChildRow), ({ parentKey }) => parentKey),
  );
  return rows.resources
    .map((row) => toResourceRow(plan, row))
    .map((row) => ({
      row,
      children: byParent.map((groups) => groups.get(row.key) ?? []),
    }));
}

/** How many of `rows` a page takes: `pageSize`, or as many as `pageBytes` hold, at least one. */
export function countForPage(
  rows: readonly { readonly bytes: Uint8Array }[],
  pageSize: number,
  pageBytes: number,
): number {
  let bytes = 0;
  const full = rows.findIndex((row, index) => {
    bytes += row.bytes.length;
    return index === pageSize || (index > 0 && bytes > pageBytes);
  });
  return full === -1 ? rows.length : full;
}
