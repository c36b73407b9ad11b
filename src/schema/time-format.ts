// Times that a column keeps as numbers, as other programs write them: the codec, and the SQL for the
// milliseconds since the epoch, with one way of rounding. Knows no tables.

import { create } from "@bufbuild/protobuf";
import { type Timestamp, TimestampSchema } from "@bufbuild/protobuf/wkt";
import { ColumnOptions_TimeFormat as TimeFormat } from "../../gen/protostore/v1/options_pb.ts";
import { type ColumnCodec, Unrepresentable } from "./codec.ts";
import { outOfRange } from "./ranges.ts";
import type { SqlValue } from "./sql-value.ts";
import { MAX_SECONDS, MIN_SECONDS } from "./time-text.ts";

export { TimeFormat };

/** A way to count time. */
interface Scale {
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

const [MIN_MS, MAX_MS] = [MIN_SECONDS * 1000n, MAX_SECONDS * 1000n + 999n];

/** The codec of a column that counts time; undefined for text. It is exact to the millisecond. */
export function timeNumberCodec(format: TimeFormat): ColumnCodec | undefined {
  const scale = SCALES[format];
  if (!scale) return undefined;
  return {
    affinities: ["INTEGER", "REAL", "NUMERIC"],
    encode(value) {
      const { seconds, nanos } = value as Timestamp;
      const reason = outOfRange(TimestampSchema, value as Timestamp);
      if (reason !== undefined) throw new Unrepresentable(reason);
      if (nanos % 1_000_000 !== 0) throw new Unrepresentable("must be whole milliseconds");
      return scale.fromMs(seconds * 1000n + BigInt(nanos / 1_000_000));
    },
    decode(value) {
      if (typeof value !== "bigint" && typeof value !== "number") {
        throw new Unrepresentable("must be a number that stands for a time");
      }
      const rounded = round(scale.toMs(Number(value)));
      if (!(rounded >= Number(MIN_MS) && rounded <= Number(MAX_MS))) {
        throw new Unrepresentable("must be a time of the years 1 to 9999");
      }
      const ms = BigInt(rounded);
      const part = ((ms % 1000n) + 1000n) % 1000n;
      const nanos = Number(part) * 1_000_000;
      return create(TimestampSchema, { seconds: (ms - part) / 1000n, nanos });
    },
  };
}

/** As SQLite's round() does: half is away from zero. */
function round(value: number): number {
  return Math.trunc(value + (value < 0 ? -0.5 : 0.5));
}

/** SQL for the milliseconds since the epoch; NULL for what the codec does not read. */
export function timeNumberMs(format: TimeFormat, column: string): string {
  const ms = `CAST(round(${SCALES[format]?.sql(column)}) AS INTEGER)`;
  return (
    `CASE WHEN typeof(${column}) IN ('integer', 'real') ` +
    `AND ${ms} BETWEEN ${MIN_MS} AND ${MAX_MS} THEN ${ms} END`
  );
}

/** The number that the column has for about this time, for a range of an index. */
export function timeNumberOf(format: TimeFormat, milliseconds: bigint): SqlValue {
  return SCALES[format]?.fromMs(milliseconds) ?? null;
}
