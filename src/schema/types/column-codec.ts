// What a column codec is, and the checks that all codecs share.
// A value that a column cannot hold exactly is refused, never rounded or cut.

import type { SqlValue } from "../sql-value.ts";

/** A type affinity of SQLite (https://sqlite.org/datatype3.html). */
export type Affinity = "TEXT" | "INTEGER" | "REAL" | "NUMERIC" | "BLOB";

/** Thrown by a codec for a value that cannot be converted; the caller knows the field. */
export class Unrepresentable extends Error {}

/**
 * Converts between the value of a field, as the reflection API gives it (for a message field the
 * message itself), and the value of a column.
 */
export interface ColumnCodec {
  /** The affinities that keep an encoded value as it is. */
  readonly affinities: readonly Affinity[];
  /** @throws Unrepresentable if the column cannot hold the value. */
  encode(value: unknown): SqlValue;
  /** @throws Unrepresentable if no field value is stored like this. */
  decode(value: NonNullable<SqlValue>): unknown;
}

/** The value if it is TEXT; half characters stand for bytes that are no text. */
export function expectText(value: NonNullable<SqlValue>): string {
  if (typeof value !== "string") throw new Unrepresentable("must be TEXT");
  if (!value.isWellFormed()) throw new Unrepresentable("must be well-formed Unicode");
  return value;
}

/** The value if it is an INTEGER. */
export function expectInteger(value: NonNullable<SqlValue>): bigint {
  if (typeof value !== "bigint") throw new Unrepresentable("must be an INTEGER");
  return value;
}

/** The value if it is from `min` to `max`. */
export function expectInRange(value: bigint, min: bigint, max: bigint): bigint {
  if (value < min || value > max) throw new Unrepresentable(`must be from ${min} to ${max}`);
  return value;
}
