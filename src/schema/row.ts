// Message ⇄ row: the one function that stores a message three ways, and its inverse.
// Pure: keys, revisions and times are given to it; it runs no SQL.

import {
  create,
  type DescField,
  fromBinary,
  type Message,
  type Registry,
  toBinary,
} from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { FeatureSet_FieldPresence, type Timestamp, TimestampSchema } from "@bufbuild/protobuf/wkt";
import { invalidField, type ResourceIdentity, StoreError } from "../errors.ts";
import { accessOf, type FieldAccess } from "./access.ts";
import { Unrepresentable } from "./codec.ts";
import { timestampCodec } from "./column-messages.ts";
import { readJson } from "./json-read.ts";
import { writeJson } from "./json-write.ts";
import type { ChildPlan, ResourcePlan, TablePlan } from "./plan.ts";
import { formatName } from "./resource-name.ts";
import type { SqlValue } from "./sql-value.ts";

/** What a table keeps of a message beside key and revision. */
export interface Cells {
  /** In the order of the plan's columns. */
  readonly columns: readonly SqlValue[];
  readonly data: string;
}

/** A row of a resource table. */
export interface ResourceRow extends Cells {
  readonly key: bigint;
  /** Null in a row that was there before the service was. */
  readonly revision: bigint | null;
  readonly createdAt: string | null;
  readonly updatedAt: string | null;
  /** The exact bytes; null if another program has written the row. */
  readonly wire: Uint8Array | null;
}

/** A row of a child table. */
export interface ChildRow extends Cells {
  readonly key: bigint;
  readonly parentKey: bigint;
}

/** Who the row is and when it was written. */
export type RowIdentity = Pick<ResourceRow, "key" | "revision" | "createdAt" | "updatedAt">;

/** Fills the fields of `message` that the service keeps itself: name, etag and times. */
export function setIdentity(plan: ResourcePlan, message: Message, identity: RowIdentity): void {
  const { name, etag, createTime, updateTime } = plan.standard;
  accessOf(name).set(message, formatName(plan.resource, identity.key));
  accessOf(etag).set(message, formatEtag(identity.revision));
  setTime(plan, message, createTime, identity.createdAt);
  setTime(plan, message, updateTime, identity.updatedAt);
}

function setTime(
  plan: ResourcePlan,
  message: Message,
  field: DescField,
  text: string | null,
): void {
  if (text === null) reflect(plan.desc, message).clear(field);
  else accessOf(field).set(message, parseTime(text));
}

/** The last time that was parsed: that of a commit is in all its rows. */
let lastTime:
  | { readonly text: string; readonly seconds: bigint; readonly nanos: number }
  | undefined;

function parseTime(text: string): Timestamp {
  if (lastTime?.text !== text) {
    const { seconds, nanos } = timestampCodec.decode(text) as Timestamp;
    lastTime = { text, seconds, nanos };
  }
  // A new one each time: whoever has the message may change it.
  return create(TimestampSchema, lastTime);
}

/** The etag of a row at this revision, quoted as RFC 7232 has it. */
export function formatEtag(revision: bigint | null): string {
  return `"${revision ?? 0n}"`;
}

/**
 * The cells of a message. Columns whose field is as in `previous` keep the value they have, so that
 * an update does not rewrite what another program stored in a form of its own.
 * @throws StoreError INVALID_FIELD, under `path`, for a value that its column cannot hold.
 */
export function encodeCells(
  plan: TablePlan,
  message: Message,
  registry: Registry,
  path: string,
  previous?: { readonly message: Message; readonly cells: Cells },
): Cells {
  const readers = columnReaders(plan);
  const columns = plan.columns.map(({ field, codec }, index) => {
    if (previous && sameField(field, previous.message, message)) {
      return previous.cells.columns[index] ?? null;
    }
    const value = readers[index]?.(message);
    if (value === undefined) return null;
    try {
      return codec.encode(value);
    } catch (error) {
      throw asInvalidField(error, `${path}.${field.name}`);
    }
  });
  return { columns, data: writeJson(message, plan.dataFields, registry, plan.columns) };
}

const readersOfPlans = new WeakMap<TablePlan, readonly FieldAccess["get"][]>();

/** What gives the value of each column's field, undefined for one that is NULL. */
function columnReaders(plan: TablePlan): readonly FieldAccess["get"][] {
  let readers = readersOfPlans.get(plan);
  if (!readers) {
    readers = plan.columns.map(({ field }) => {
      const { get, getAny } = accessOf(field);
      return field.presence === FeatureSet_FieldPresence.IMPLICIT ? getAny : get;
    });
    readersOfPlans.set(plan, readers);
  }
  return readers;
}

/**
 * The message of a row, from its bytes if it has them, else from columns, JSON and child rows.
 * @throws StoreError ROW_UNREADABLE
 */
export function decodeRow(
  plan: ResourcePlan,
  row: ResourceRow,
  children: readonly (readonly ChildRow[])[],
  registry: Registry,
): Message {
  return row.wire ? fromBinary(plan.desc, row.wire) : rebuildRow(plan, row, children, registry);
}

/**
 * The message of a row from its columns, JSON and child rows alone. `children` has the rows of each
 * of the plan's children, in the order of their keys.
 * @throws StoreError ROW_UNREADABLE
 */
export function rebuildRow(
  plan: ResourcePlan,
  row: ResourceRow,
  children: readonly (readonly ChildRow[])[],
  registry: Registry,
): Message {
  const subject = { type: plan.resource.type, name: formatName(plan.resource, row.key) };
  const message = decodeCells(plan, row, registry, subject);
  const target = reflect(plan.desc, message);
  plan.children.forEach((child, index) => {
    const list = target.get(child.field);
    for (const childRow of children[index] ?? []) {
      list.add(reflect(child.desc, decodeChild(child, childRow, registry, subject)));
    }
  });
  try {
    setIdentity(plan, message, row);
  } catch (error) {
    throw unreadable(subject, "its times", error);
  }
  return message;
}

/** The message of a child row. */
export function decodeChild(
  plan: ChildPlan,
  row: ChildRow,
  registry: Registry,
  subject: ResourceIdentity,
): Message {
  const message = decodeCells(plan, row, registry, subject, `${plan.field.name}.`);
  reflect(plan.desc, message).set(plan.keyField, row.key);
  return message;
}

function decodeCells(
  plan: TablePlan,
  cells: Cells,
  registry: Registry,
  subject: ResourceIdentity,
  path = "",
): Message {
  const message = create(plan.desc);
  const target = reflect(plan.desc, message);
  plan.columns.forEach(({ field, codec }, index) => {
    const value = cells.columns[index] ?? null;
    if (value === null) return;
    try {
      target.set(field, toFieldValue(field, codec.decode(value)));
    } catch (error) {
      throw unreadable(subject, path + field.name, error);
    }
  });
  try {
    readJson(cells.data, target, plan.dataFields, registry);
  } catch (error) {
    throw unreadable(subject, `${path}data`, error);
  }
  return message;
}

function sameField(field: DescField, a: Message, b: Message): boolean {
  const access = accessOf(field);
  const [left, right] = [access.get(a), access.get(b)];
  if (left === undefined || right === undefined) return left === right;
  if (field.fieldKind === "message") {
    const [before, after] = [left as Message, right as Message];
    return sameBytes(toBinary(field.message, before), toBinary(field.message, after));
  }
  return left instanceof Uint8Array ? sameBytes(left, right as Uint8Array) : Object.is(left, right);
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

function toFieldValue(field: DescField, value: unknown): unknown {
  return field.fieldKind === "message" ? reflect(field.message, value as Message) : value;
}

function asInvalidField(error: unknown, path: string): unknown {
  return error instanceof Unrepresentable ? invalidField(path, error.message) : error;
}

function unreadable(resource: ResourceIdentity, what: string, error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const message = `${resource.name} cannot be read: ${what}: ${error.message}`;
  return new StoreError("ROW_UNREADABLE", message, { resource, cause: error });
}
