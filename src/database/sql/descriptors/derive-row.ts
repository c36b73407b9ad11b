// What makes columns and JSON of one row those of its message, as the descriptors of this server have
// it. Pure: says the statements, runs none.

import type { Message, Registry } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { StoreError } from "../../../errors.ts";
import type { ChildPlan, ResourcePlan, TablePlan } from "../../../schema/plan.ts";
import { formatName } from "../../../schema/resource-name.ts";
import {
  type Cells,
  type ChildRow,
  decodeRow,
  encodeCells,
  rebuildRow,
} from "../../../schema/row.ts";
import type { WholeRow } from "../row-set.ts";
import type { Statement } from "../statements.ts";

/**
 * The statements that write cells of the row and its child rows anew; none if they are right already.
 * They change nothing if the row has another revision meanwhile.
 * @throws StoreError ROW_UNREADABLE, or INVALID_FIELD for a value that its column cannot hold.
 */
export function deriveRow(
  plan: ResourcePlan,
  { row, children }: WholeRow,
  registry: Registry,
): readonly Statement[] {
  const message = decodeRow(plan, row, children, registry);
  // Of the columns alone: those that say the same already keep the form that they have.
  const bare = children.map((rows) => rows.map((child) => ({ ...child, data: "{}" })));
  const before = rebuildRow(plan, { ...row, data: "{}" }, bare, registry);
  const path = formatName(plan.resource, row.key);
  const cells = encodeCells(plan, message, registry, path, { message: before, cells: row });
  const held = holdOf(row.revision);
  const ofChildren = plan.children.flatMap((child, index) => {
    const pairs = pairChildren(plan, child, children[index] ?? [], message, before);
    return pairs.flatMap(([childRow, own, old]) => {
      const previous = { message: old, cells: childRow };
      const anew = encodeCells(child, own, registry, `${path}.${child.field.name}`, previous);
      return sameCells(childRow, anew) ? [] : [updateHeldChild(plan, child, childRow, anew, held)];
    });
  });
  if (sameCells(row, cells) && ofChildren.length === 0) return [];
  return [hold(plan, row, cells, held), ...ofChildren, release(plan, row, held)];
}

/** Each child row with its message and with that of its columns alone. */
function pairChildren(
  plan: ResourcePlan,
  child: ChildPlan,
  rows: readonly ChildRow[],
  message: Message,
  before: Message,
): (readonly [row: ChildRow, message: Message, before: Message])[] {
  const [own, old] = [message, before].map((each) => {
    const items = [...reflect(plan.desc, each).get(child.field)] as ReflectMessage[];
    return new Map(items.map((item) => [item.get(child.keyField) as bigint, item.message]));
  }) as [Map<bigint, Message>, Map<bigint, Message>];
  const isSame = own.size === rows.length && rows.every(({ key }) => own.has(key));
  if (!isSame) {
    // Its rows would have to be made, with ids that the message does not have yet.
    const reason = `${child.field.name} are not the rows of ${child.table}`;
    throw new StoreError("ROW_UNREADABLE", reason);
  }
  return rows.map(
    (row) => [row, own.get(row.key) as Message, old.get(row.key) as Message] as const,
  );
}

function sameCells(a: Cells, b: Cells): boolean {
  if (a.data !== b.data) return false;
  return a.columns.every((value, index) => {
    const other = b.columns[index];
    if (!(value instanceof Uint8Array) || !(other instanceof Uint8Array)) return value === other;
    return Buffer.compare(value, other) === 0;
  });
}

/** A revision that no row has: the row has it while its cells are written. */
function holdOf(revision: bigint | null): bigint {
  return -1n - (revision ?? 0n);
}

// Two statements for the row, since one that leaves the revision as it was is that of another program
// to the triggers.
function hold(plan: ResourcePlan, row: Cells & RowId, cells: Cells, held: bigint): Statement {
  return {
    sql:
      `UPDATE ${plan.sql.table} SET revision = ?, ${assignments(plan)} ` +
      `WHERE ${plan.sql.key} = ? AND revision IS NOT DISTINCT FROM ? AND CAST(data AS TEXT) = ?`,
    parameters: [held, cells.data, ...cells.columns, row.key, row.revision, row.data],
  };
}

function release({ sql }: ResourcePlan, { key, revision }: RowId, held: bigint): Statement {
  return {
    sql: `UPDATE ${sql.table} SET revision = ? WHERE ${sql.key} = ? AND revision = ?`,
    parameters: [revision, key, held],
  };
}

interface RowId {
  readonly key: bigint;
  readonly revision: bigint | null;
}

function updateHeldChild(
  { sql }: ResourcePlan,
  child: ChildPlan,
  row: ChildRow,
  cells: Cells,
  held: bigint,
): Statement {
  return {
    sql:
      `UPDATE ${child.sql.table} SET ${assignments(child)} WHERE ${child.sql.key} = ? ` +
      `AND EXISTS (SELECT 1 FROM ${sql.table} WHERE ${sql.key} = ? AND revision = ?)`,
    parameters: [cells.data, ...cells.columns, row.key, row.parentKey, held],
  };
}

function assignments({ columns }: TablePlan): string {
  return ["data", ...columns.map(({ sqlName }) => sqlName)].map((name) => `${name} = ?`).join(", ");
}
