// Codecs of columns for Timestamp, Duration, Date and Money, in the forms of existing databases.
// Money is converted by its decimal digits and never passes through float arithmetic.

import { create, type DescMessage, type Message } from "@bufbuild/protobuf";
import {
  type Duration,
  DurationSchema,
  type Timestamp,
  TimestampSchema,
} from "@bufbuild/protobuf/wkt";
import { type Date as CivilDate, DateSchema } from "../../gen/google/type/date_pb.ts";
import { type Money, MoneySchema } from "../../gen/google/type/money_pb.ts";
import { type ColumnCodec, expectInteger, expectText, Unrepresentable } from "./codec.ts";
import { outOfRange } from "./ranges.ts";
import type { SqlValue } from "./sql-value.ts";
import { formatFraction, formatUtc, pad, parseTimeText, type TimeText } from "./time-text.ts";

/** Text in UTC, `YYYY-MM-DD HH:MM:SS`, with a fraction of 3, 6 or 9 digits if there is one. */
export const timestampCodec: ColumnCodec = {
  affinities: ["TEXT", "NUMERIC"],
  encode(value) {
    const { seconds, nanos } = inRange(TimestampSchema, value as Timestamp);
    return formatUtc(seconds, " ") + formatFraction(nanos);
  },
  decode(value) {
    const { seconds, nanos } = parseTime(value);
    return create(TimestampSchema, { seconds, nanos });
  },
};

/** Text, `YYYY-MM-DD 00:00:00`. A time of day that another program stored is not shown. */
export const dateCodec: ColumnCodec = {
  affinities: ["TEXT", "NUMERIC"],
  encode(value) {
    const { year, month, day } = inRange(DateSchema, value as CivilDate);
    if (year === 0 || day === 0) {
      throw new Unrepresentable("must be a full date from 0001-01-01 to 9999-12-31");
    }
    return `${pad(year, 4)}-${pad(month, 2)}-${pad(day, 2)} 00:00:00`;
  },
  decode(value) {
    const [year = 0, month = 0, day = 0] = parseTime(value).day.split("-").map(Number);
    return create(DateSchema, { year, month, day });
  },
};

function parseTime(value: NonNullable<SqlValue>): TimeText {
  const time = parseTimeText(expectText(value));
  if (!time) {
    throw new Unrepresentable("must be YYYY-MM-DD HH:MM:SS, from the year 1 to the year 9999");
  }
  return time;
}

/** The message if it is in the range of its type. */
function inRange<T extends Message>(desc: DescMessage, message: T): T {
  const reason = outOfRange(desc, message);
  if (reason !== undefined) throw new Unrepresentable(reason);
  return message;
}

/** INTEGER milliseconds. */
export const durationCodec: ColumnCodec = {
  affinities: ["INTEGER", "NUMERIC"],
  encode(value) {
    const { seconds, nanos } = inRange(DurationSchema, value as Duration);
    if (nanos % 1_000_000 !== 0) throw new Unrepresentable("must be whole milliseconds");
    return seconds * 1000n + BigInt(nanos / 1_000_000);
  },
  decode(value) {
    const milliseconds = expectInteger(value);
    return inRange(
      DurationSchema,
      create(DurationSchema, {
        seconds: milliseconds / 1000n,
        nanos: Number(milliseconds % 1000n) * 1_000_000,
      }),
    );
  },
};

const NANOS_PER_CENT = 10_000_000;
const MAX_MONEY_UNITS = 99_999_999n;

/** NUMERIC(10,2) in one currency; bound as decimal text, which SQLite keeps as a number. */
export function moneyCodec(currencyCode: string): ColumnCodec {
  return {
    affinities: ["NUMERIC", "REAL"],
    encode(value) {
      const money = value as Money;
      if (money.currencyCode !== currencyCode) {
        throw new Unrepresentable(`currency_code must be ${currencyCode}`);
      }
      return formatCents(money);
    },
    decode(value) {
      return create(MoneySchema, { currencyCode, ...parseDecimal(value) });
    },
  };
}

function formatCents(money: Money): string {
  const { units, nanos } = inRange(MoneySchema, money);
  if (nanos % NANOS_PER_CENT !== 0) throw new Unrepresentable("must be whole cents");
  const magnitude = units < 0n ? -units : units;
  if (magnitude > MAX_MONEY_UNITS) {
    throw new Unrepresentable(`must be at most ${MAX_MONEY_UNITS}.99`);
  }
  const sign = units < 0n || nanos < 0 ? "-" : "";
  return `${sign}${magnitude}.${pad(Math.abs(nanos) / NANOS_PER_CENT, 2)}`;
}

/** The significant digits that a double keeps of any decimal number; SQLite prints as many. */
const DOUBLE_DIGITS = 15;

/** What has more digits before the point is no amount: a REAL could not tell it from the next one. */
const AMOUNT_END = 10n ** BigInt(DOUBLE_DIGITS);

/**
 * The decimal number that a REAL stands for: the 13.859999999999999 of a float sum is 13.86, as
 * `sqlite3` shows it too.
 */
function parseDecimal(value: NonNullable<SqlValue>): { units: bigint; nanos: number } {
  const text = typeof value === "number" ? value.toPrecision(DOUBLE_DIGITS) : String(value);
  const match = /^(-?)(\d+)(?:\.(\d*?)0*)?$/.exec(text);
  const [, sign, units = "", decimals = ""] = match ?? [];
  const isAmount = match && typeof value !== "object" && typeof value !== "string";
  if (!isAmount || decimals.length > 9 || BigInt(units) >= AMOUNT_END) {
    throw new Unrepresentable(
      `must be a number with at most ${DOUBLE_DIGITS} digits, 9 of them decimals`,
    );
  }
  const direction = sign === "-" ? -1 : 1;
  const nanos = Number(decimals.padEnd(9, "0"));
  return { units: BigInt(units) * BigInt(direction), nanos: nanos * direction || 0 };
}
