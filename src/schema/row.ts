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
import { invalidField, type StoreError } from "../errors.ts";
import { accessOf, type FieldAccess } from "./access.ts";
import { checksumOf } from "./checksum.ts";
import { readJson } from "./json-read.ts";
import { writeJson } from "./json-write.ts";
import type { ChildPlan, ResourcePlan, TablePlan } from "./plan.ts";
import { isRedacted } from "./redaction.ts";
import { formatName, identify } from "./resource-name.ts";
import { damagedBytes, faultError, type RowFault, unreadableField } from "./row-fault.ts";
import type { SqlValue } from "./sql-value.ts";
import { Unrepresentable } from "./types/column-codec.ts";
import { timestampCodec } from "./types/timestamp.ts";

/** What a table keeps of a message beside key and revision. */
export interface Cells {
  /** In the order of the plan's columns. */
  readonly columns: readonly SqlValue[];
  readonly data: string;
}

/** Cells as they are before an update; undefined are those that are written in any case. */
export interface PreviousCells {
  readonly columns: readonly (SqlValue | undefined)[];
  readonly data: string | undefined;
}

export interface ResourceRow extends Cells {
  readonly key: bigint;
  /** Null in a row that was there before the service was. */
  readonly revision: bigint | null;
  readonly createdAt: string | null;
  readonly updatedAt: string | null;
  /** The exact bytes; null if another program has written the row. */
  readonly wire: Uint8Array | null;
  /** As it was read; a write computes its own. Without one, the bytes are not to be trusted. */
  readonly checksum?: bigint | null;
}

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
  previous?: { readonly message: Message; readonly cells: PreviousCells },
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
  const wire = trustedWire(plan, row);
  if (!wire) return rebuildRow(plan, row, children, registry);
  try {
    return fromBinary(plan.desc, wire);
  } catch (cause) {
    throw faultError(damagedBytes(plan, row.key), cause);
  }
}

/**
 * The bytes of a row, if it has any and the checksum that makes them good.
 * @throws StoreError ROW_UNREADABLE if the checksum is another one.
 */
export function trustedWire(plan: ResourcePlan, row: ResourceRow): Uint8Array | undefined {
  const { key, revision, wire, checksum = null } = row;
  if (wire === null || checksum === null) return undefined;
  const isGood =
    wire instanceof Uint8Array &&
    typeof revision === "bigint" &&
    checksumOf(wire, key, revision) === checksum;
  if (!isGood) throw faultError(damagedBytes(plan, key));
  return wire;
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
  const { message, unreadable } = rebuildReadable(plan, row, children, registry);
  if (unreadable.size > 0) throw unreadableRow(plan, row.key, unreadable);
  return message;
}

/**
 * Why fields cannot be read, each as `path: reason`; the path is that in the resource, for example
 * `lines.unit_price`. The fields are those of the resource's message and of its child messages.
 */
export type Unreadable = ReadonlyMap<DescField, string>;

/** As much of a message as can be read. */
export interface Readable {
  /** The fields that cannot be read are not set in it. */
  readonly message: Message;
  readonly unreadable: Unreadable;
}

/**
 * What can be read of a row from its columns, JSON and child rows, and what cannot. What belongs to no
 * field, such as a key of the JSON that no field has, is said of all the fields that are in that JSON,
 * or of the etag (in a child row the key) if none is: so it is mended by whoever replaces all of it.
 */
export function rebuildReadable(
  plan: ResourcePlan,
  row: ResourceRow,
  children: readonly (readonly ChildRow[])[],
  registry: Registry,
): Readable {
  const faults: Fault[] = [];
  const message = decodeCells(plan, row, registry, faults, plan.standard.etag);
  const target = reflect(plan.desc, message);
  plan.children.forEach((child, index) => {
    const list = target.get(child.field);
    for (const childRow of children[index] ?? []) {
      const read = readChild(child, childRow, registry);
      list.add(reflect(child.desc, read.message));
      for (const [field, text] of read.unreadable) {
        faults.push([field, `${child.field.name}.${text}`]);
      }
    }
  });
  readIdentity(plan, message, row, faults);
  return { message, unreadable: firstFaults(faults) };
}

/** A field that cannot be read, and `path: reason`. */
type Fault = readonly [DescField, string];

/** `setIdentity` with values that another program may have written. */
function readIdentity(
  plan: ResourcePlan,
  message: Message,
  row: ResourceRow,
  faults: Fault[],
): void {
  const { etag, createTime, updateTime } = plan.standard;
  const checked = { ...row };
  if (row.revision !== null && typeof row.revision !== "bigint") {
    faults.push([etag, `${etag.name}: must be an INTEGER`]);
    checked.revision = null;
  }
  for (const [column, field] of [
    ["createdAt", createTime],
    ["updatedAt", updateTime],
  ] as const) {
    try {
      if (row[column] !== null) timestampCodec.decode(row[column]);
    } catch (error) {
      faults.push([field, faultText(field, error)]);
      checked[column] = null;
    }
  }
  setIdentity(plan, message, checked);
}

export function readChild(plan: ChildPlan, row: ChildRow, registry: Registry): Readable {
  const faults: Fault[] = [];
  const message = decodeCells(plan, row, registry, faults, plan.keyField);
  reflect(plan.desc, message).set(plan.keyField, row.key);
  return { message, unreadable: firstFaults(faults) };
}

/** Of two faults of one field the first is told. */
function firstFaults(faults: readonly Fault[]): Unreadable {
  const unreadable = new Map<DescField, string>();
  for (const [field, text] of faults) if (!unreadable.has(field)) unreadable.set(field, text);
  return unreadable;
}

/** The message of the cells; `rest` is the field that stands for what belongs to none. */
function decodeCells(
  plan: TablePlan,
  cells: Cells,
  registry: Registry,
  faults: Fault[],
  rest: DescField,
): Message {
  const message = create(plan.desc);
  const target = reflect(plan.desc, message);
  plan.columns.forEach(({ field, codec }, index) => {
    const value = cells.columns[index] ?? null;
    if (value === null) return;
    try {
      target.set(field, toFieldValue(field, codec.decode(value)));
    } catch (error) {
      faults.push([field, faultText(field, error)]);
    }
  });
  for (const [field, text] of readJson(cells.data, target, plan.dataFields, registry)) {
    if (field) faults.push([field, text]);
    else for (const each of fieldsOfData(plan, rest)) faults.push([each, text]);
  }
  return message;
}

function fieldsOfData({ dataFields }: TablePlan, rest: DescField): readonly DescField[] {
  return dataFields.length > 0 ? dataFields : [rest];
}

/** The error for a row that has fields which cannot be read. */
export function unreadableRow(plan: ResourcePlan, key: bigint, fields: Unreadable): StoreError {
  return faultError(unreadableFields(plan, key, fields));
}

/** What is wrong with a row that has fields which cannot be read: the first of them. */
export function unreadableFields(plan: ResourcePlan, key: bigint, fields: Unreadable): RowFault {
  const [text = ""] = fields.values();
  return unreadableField(identify(plan, key), text);
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

/** Anything but a refusal of the codec is a library's, whose words are not shown. */
function faultText(field: DescField, error: unknown): string {
  const isTold = error instanceof Unrepresentable && !isRedacted(field);
  const reason = isTold ? error.message : "is no value of the field";
  return `${field.name}: ${reason}`;
}

function asInvalidField(error: unknown, path: string): unknown {
  return error instanceof Unrepresentable ? invalidField(path, error.message) : error;
}
