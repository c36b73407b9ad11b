// What a kind of field has to give: its form in a column, in JSON, in a filter, and its range.
// Interfaces only: each kind is in a file of its own, and all-kinds.ts has them all.

import type { DescField, DescMessage, JsonValue, Message, Registry } from "@bufbuild/protobuf";
import type { ResourceType } from "../resource-name.ts";
import type { TimeFormat } from "../time-format.ts";
import { type ColumnCodec, Unrepresentable } from "./column-codec.ts";
import type { Leaf } from "./leaf.ts";

/** What a column says beside the field's type (protostore.v1.ColumnOptions). */
export interface CodecOptions {
  readonly maxLength: number;
  readonly currencyCode: string;
  readonly timeFormat: TimeFormat;
  /** What a string field names, if it is a reference. */
  readonly reference: ResourceType | undefined;
}

/** How a column keeps the fields of a kind. */
export interface ColumnForm {
  /** The option that only columns of this kind take. */
  readonly option?: "max_length" | "currency_code" | "time_format" | "default_value";
  codec(options: CodecOptions): ColumnCodec;
}

/** Gives the JSON text of a value if that is exact beyond doubt, undefined if it must be tried. */
export type ExactWriter = (value: unknown) => string | undefined;

/**
 * A kind of scalar. Values are as protobuf-es keeps them: 64-bit integers are bigints. One spelling in
 * JSON has one meaning, which filters have in SQL too: what docs/storage.md does not list is refused.
 */
export interface ScalarKind {
  readonly column: ColumnForm;
  readonly leaf: Leaf;
  /** True for the value that a field without presence has when it is not set. */
  isZero(value: unknown): boolean;
  /** @throws Unrepresentable */
  readJson(json: JsonValue): unknown;
  writeJson(value: unknown): string;
  readonly writeExact: ExactWriter;
  /** Undefined if protobuf does not allow it as the key of a map. */
  readonly key: KeyForm | undefined;
}

/** A kind of scalar as the key of a map. */
export interface KeyForm {
  /** True if the text is written as JSON writes keys of this kind; its range is not looked at. */
  isWritten(text: string): boolean;
  /** @throws Unrepresentable */
  read(text: string): unknown;
}

/** The ProtoJSON that a message has in place of an object of its fields. */
export interface JsonForm {
  /** @throws Unrepresentable if the JSON is none of such a message. */
  read(json: JsonValue, desc: DescMessage, registry: Registry): Message;
  /** Without it, every value is tried, by reading back what was written. */
  exactWriter?(field: DescField): ExactWriter;
}

/**
 * A message that is more than an object of its fields; all others are just that. What a kind does not
 * have is said of it, as undefined: nothing is left out by mistake.
 */
export interface MessageKind {
  readonly typeName: string;
  /** How a column keeps it; undefined if none can. */
  readonly column: ColumnForm | undefined;
  /** Undefined if its JSON is an object of its fields. */
  readonly json: JsonForm | undefined;
  /** Why a message is out of the range that its type has, if it is; undefined if there is no range. */
  readonly outOfRange: ((message: Message) => string | undefined) | undefined;
  /** What it is compared as; undefined if it is not compared as a whole. */
  readonly leaf: Leaf | undefined;
  /** What the path of a filter finds in it. */
  readonly inside: "fields" | "members" | "items" | "nothing";
  /** True if JSON's null is a value of it, and not a field that is not set. */
  readonly acceptsNull?: boolean;
  /** True if protobuf-es keeps it as a JSON object, in which not all of its bytes have a place. */
  readonly isKeptAsJson?: boolean;
}

/** The value if it is a string. @throws Unrepresentable */
export function expectString(json: JsonValue | undefined): string {
  if (typeof json !== "string") throw new Unrepresentable("must be a string");
  return json;
}
