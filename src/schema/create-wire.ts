// The bytes of a new row's message, made from those that the client sent: what the service fills in
// is put between them, so that the message need not be encoded again. Always the same bytes as the
// protobuf library would write; where that is not certain, it writes them.

import { create, type DescField, type Message, toBinary } from "@bufbuild/protobuf";
import { accessOf } from "./access.ts";
import { outputOnlyFields } from "./behavior.ts";
import { isCanonical } from "./canonical-bytes.ts";
import type { ResourcePlan } from "./plan.ts";
import { formatName } from "./resource-name.ts";
import { type RowIdentity, setIdentity } from "./row.ts";

/**
 * The exact bytes of a message that is created. `message` is what the library has read from `given`,
 * after clearOutputOnly and applyDefaults, and else unchanged but for what `derive` fills and the
 * keys of child rows; its name, etag and times are set only if they are needed. Without `given` the
 * library encodes the message: for one alone that costs less, and for one not read from bytes it must.
 */
export function createWire(
  plan: ResourcePlan,
  given: Uint8Array | undefined,
  message: Message,
  identity: RowIdentity,
): Uint8Array {
  const spliced = given && splice(plan, given, identity);
  if (spliced) return spliced;
  setIdentity(plan, message, identity);
  return toBinary(plan.desc, message);
}

/** Puts what the service fills between the given bytes; undefined if they cannot stay as they are. */
function splice(
  plan: ResourcePlan,
  given: Uint8Array,
  identity: RowIdentity,
): Uint8Array | undefined {
  const insertions = insertionsOf(plan);
  if (!insertions) return undefined;
  const splicer = new Splicer(given, insertions, identity);
  const visit = (number: number, start: number) => splicer.field(number, start);
  return isCanonical(plan.desc, given, visit) ? splicer.finish() : undefined;
}

/** A field that the service fills. */
interface Insertion {
  readonly number: number;
  /** True if what a client sets is kept. */
  readonly yields: boolean;
  /** The field with its tag; empty if it is not set. */
  readonly bytes: (identity: RowIdentity) => Uint8Array;
}

/** Copies fields in the order of their numbers, and the insertions at their places. */
class Splicer {
  readonly #given: Uint8Array;
  readonly #insertions: readonly Insertion[];
  readonly #identity: RowIdentity;
  readonly #pieces: Uint8Array[] = [];
  #next = 0;
  #copied = 0;
  /** The number of the field that is left out. */
  #dropped = 0;

  constructor(given: Uint8Array, insertions: readonly Insertion[], identity: RowIdentity) {
    this.#given = given;
    this.#insertions = insertions;
    this.#identity = identity;
  }

  field(number: number, start: number): void {
    if (number === this.#dropped) return;
    if (this.#dropped !== 0) this.#copied = start;
    this.#dropped = 0;
    for (;;) {
      const insertion = this.#insertions[this.#next];
      if (!insertion || insertion.number > number) return;
      this.#next++;
      if (insertion.number < number || !insertion.yields) this.#insert(insertion, start);
      if (insertion.number === number && !insertion.yields) this.#dropped = number;
    }
  }

  #insert({ bytes }: Insertion, start: number): void {
    if (start > this.#copied) this.#pieces.push(this.#given.subarray(this.#copied, start));
    this.#copied = start;
    this.#pieces.push(bytes(this.#identity));
  }

  finish(): Uint8Array {
    this.field(Number.POSITIVE_INFINITY, this.#given.length);
    if (this.#copied < this.#given.length) this.#pieces.push(this.#given.subarray(this.#copied));
    let length = 0;
    for (const piece of this.#pieces) length += piece.length;
    // Not of Buffer's pool: the bytes may be handed to another thread.
    const result = new Uint8Array(length);
    let end = 0;
    for (const piece of this.#pieces) {
      result.set(piece, end);
      end += piece.length;
    }
    return result;
  }
}

const insertionsOfPlans = new WeakMap<
  ResourcePlan,
  { readonly insertions: readonly Insertion[] | undefined }
>();

function insertionsOf(plan: ResourcePlan): readonly Insertion[] | undefined {
  let known = insertionsOfPlans.get(plan);
  if (!known) {
    known = { insertions: planInsertions(plan) };
    insertionsOfPlans.set(plan, known);
  }
  return known.insertions;
}

/** What is put into the messages of a plan, by number; undefined if more than that changes. */
function planInsertions(plan: ResourcePlan): readonly Insertion[] | undefined {
  const { name, etag, createTime, updateTime } = plan.standard;
  const outputOnly = outputOnlyFields(plan.desc);
  if (!outputOnly || plan.derive || plan.children.length > 0) return undefined;
  const bytesOf = new Map<DescField, Insertion["bytes"]>([
    ...outputOnly.map((field) => [field, () => EMPTY] as const),
    ...plan.columns
      .filter(({ defaultValue }) => defaultValue !== 0n)
      .map(({ field, defaultValue }) => {
        const bytes = fieldBytes(plan, field, Number(defaultValue));
        return [field, () => bytes] as const;
      }),
    [name, nameBytes(plan)],
    [etag, remember(plan, etag, ({ revision }) => revision)],
    [createTime, remember(plan, createTime, ({ createdAt }) => createdAt)],
    [updateTime, remember(plan, updateTime, ({ updatedAt }) => updatedAt)],
  ]);
  const own = new Set([...outputOnly, ...Object.values(plan.standard)]);
  const fields = [...bytesOf.keys()];
  // Of a oneof, a field that is left out may have been the last one that was set.
  if (fields.some(({ oneof }) => oneof)) return undefined;
  return [...bytesOf]
    .map(([field, bytes]) => ({ number: field.number, yields: !own.has(field), bytes }))
    .sort((a, b) => a.number - b.number);
}

const EMPTY: Uint8Array = new Uint8Array(0);

/** The bytes of a message that has this field only. */
function fieldBytes({ desc }: ResourcePlan, field: DescField, value: unknown): Uint8Array {
  const message = create(desc);
  accessOf(field).set(message, value);
  return toBinary(desc, message);
}

/** Encodes a field as setIdentity sets it, and keeps the bytes for the next row of the commit. */
function remember(
  plan: ResourcePlan,
  field: DescField,
  keyOf: (identity: RowIdentity) => unknown,
): Insertion["bytes"] {
  let lastKey: unknown;
  let bytes = EMPTY;
  return (identity) => {
    const key = keyOf(identity);
    if (key === lastKey) return bytes;
    const message = create(plan.desc);
    setIdentity(plan, message, identity);
    const value = accessOf(field).get(message);
    bytes = value === undefined ? EMPTY : fieldBytes(plan, field, value);
    lastKey = key;
    return bytes;
  };
}

/** The name differs in every row. */
function nameBytes(plan: ResourcePlan): Insertion["bytes"] {
  const field = plan.standard.name;
  return ({ key }) => {
    const name = formatName(plan.resource, key);
    // Beyond that, the tag or the length has more than one byte.
    if (field.number > 15 || name.length > 127) return fieldBytes(plan, field, name);
    const bytes = new Uint8Array(2 + name.length);
    bytes[0] = field.number * 8 + 2;
    bytes[1] = name.length;
    for (let i = 0; i < name.length; i++) bytes[2 + i] = name.charCodeAt(i);
    return bytes;
  };
}
