// Times that a column keeps as numbers, as other programs write them: to and from milliseconds since
// the epoch, and the SQL for that, with one way of rounding. Knows no tables.

import { ColumnOptions_TimeFormat as TimeFormat } from "../../gen/protostore/v1/options_pb.ts";
import type { SqlValue } from "./sql-value.ts";
import { MAX_SECONDS, MIN_SECONDS } from "./time-text.ts";

export { TimeFormat };

/** A way to count time. */
export interface Scale {
  /** How many of its units a millisecond is less than: 1000 if it counts seconds. */
  readonly toMs: (value: number) => number;
  readonly fromMs: (milliseconds: bigint) => SqlValue;
  /** SQL for toMs. */
  readonly sql: (column: string) => string;
}

/** The Julian day of 1970-01-01T00:00:00Z. */
const EPOCH_DAY = 2_440_587.5;
const DAY_MS = 86_400_000;

const SCALES: Readonly<Record<number, Scale>> = {
  [TimeFormat.UNIX_SECONDS]: {
    toMs: (value) => value * 1000,
    fromMs: (ms) => (ms % 1000n === 0n ? ms / 1000n : Number(ms) / 1000),
    sql: (column) => `${column} * 1000.0`,
  },
  [TimeFormat.UNIX_MILLIS]: { toMs: (value) => value, fromMs: (ms) => ms, sql: (column) => column },
  [TimeFormat.JULIAN_DAY]: {
    toMs: (value) => (value - EPOCH_DAY) * DAY_MS,
    fromMs: (ms) => Number(ms) / DAY_MS + EPOCH_DAY,
    sql: (column) => `(${column} - ${EPOCH_DAY}) * ${DAY_MS}.0`,
  },
};

/** The milliseconds since the epoch that a Timestamp may have. */
export const MIN_MS: bigint = MIN_SECONDS * 1000n;
export const MAX_MS: bigint = MAX_SECONDS * 1000n + 999n;

/** How a column counts time; undefined if it does not. */
export function scaleOf(format: TimeFormat): Scale | undefined {
  return SCALES[format];
}

/** As SQLite's round() does: half is away from zero. */
export function roundMs(value: number): number {
  return Math.trunc(value + (value < 0 ? -0.5 : 0.5));
}

/** The number that the column has for about this time, for a range of an index. */
export function timeNumberOf(format: TimeFormat, milliseconds: bigint): SqlValue {
  return SCALES[format]?.fromMs(milliseconds) ?? null;
}
