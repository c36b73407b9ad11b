// What of the values that are stored stands for a value of a filter: one, or all from a least to a
// greatest one. A row of several values compares from the left, as it does in SQL.

import type { SqlValue } from "../sql-value.ts";
import { floorDivide } from "./decimal.ts";

/** The first row of values that is not below a value, and the last that is not above it. */
export interface Bounds {
  readonly least: readonly SqlValue[];
  /** The same array as `least` if the value is stored as it is. */
  readonly greatest: readonly SqlValue[];
}

/** The bounds of a value that is stored as it is. */
export function exactly(...row: readonly SqlValue[]): Bounds {
  return { least: row, greatest: row };
}

/** Whether a number is below, at or above 0. */
export function signOf(value: bigint | number): -1 | 0 | 1 {
  return value > 0 ? 1 : value < 0 ? -1 : 0;
}

const NANOS_PER_MILLISECOND = 1_000_000n;

/** The bounds of nanoseconds where whole milliseconds are stored. */
export function wholeMilliseconds(nanos: bigint): Bounds {
  const greatest = floorDivide(nanos, NANOS_PER_MILLISECOND);
  const least = greatest * NANOS_PER_MILLISECOND === nanos ? greatest : greatest + 1n;
  return { least: [least], greatest: [greatest] };
}
