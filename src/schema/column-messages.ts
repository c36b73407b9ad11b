// Codecs of columns for Timestamp, Duration, Date and Money, in the forms that Chinook uses.
// Money is converted by its decimal digits and never passes through float arithmetic.

import { create } from "@bufbuild/protobuf";
import {
  type Duration,
  DurationSchema,
  type Timestamp,
  TimestampSchema,
} from "@bufbuild/protobuf/wkt";
import { type Date as CivilDate, DateSchema } from "../../gen/google/type/date_pb.ts";
import { type Money, MoneySchema } from "../../gen/google/type/money_pb.ts";
import { type ColumnCodec, expectInteger, expectText, Unrepresentable } from "./codec.ts";
import { INT64_MAX, INT64_MIN, type SqlValue } from "./sql-value.ts";

/** Text in UTC, `YYYY-MM-DD HH:MM:SS`, with a fraction of 3, 6 or 9 digits if there is one. */
export const timestampCodec: ColumnCodec = {
  affinities: ["TEXT", "NUMERIC"],
  encode(value) {
    const { seconds, nanos } = value as Timestamp;
    if (seconds < MIN_SECONDS || seconds > MAX_SECONDS || nanos < 0 || nanos >= 1e9) {
      throw new Unrepresentable("must be from 0001-01-01T00:00:00Z to 9999-12-31T23:59:59Z");
    }
    return formatUtc(seconds, " ") + formatFraction(nanos);
  },
  decode(value) {
    const match = TIMESTAMP.exec(expectText(value));
    const { date, time = "00:00:00", fraction = "" } = match?.groups ?? {};
    const milliseconds = date ? parseUtc(date, time) : Number.NaN;
    if (Number.isNaN(milliseconds)) throw new Unrepresentable("must be YYYY-MM-DD HH:MM:SS");
    return create(TimestampSchema, {
      seconds: BigInt(milliseconds / 1000),
      nanos: Number(fraction.padEnd(9, "0")),
    });
  },
};

/** Text, `YYYY-MM-DD 00:00:00`. A time of day that another program stored is not shown. */
export const dateCodec: ColumnCodec = {
  affinities: ["TEXT", "NUMERIC"],
  encode(value) {
    const { year, month, day } = value as CivilDate;
    const date = `${pad(year, 4)}-${pad(month, 2)}-${pad(day, 2)}`;
    if (year < 1 || !/^\d{4}-\d\d-\d\d$/.test(date) || Number.isNaN(parseUtc(date, MIDNIGHT))) {
      throw new Unrepresentable("must be a full date from 0001-01-01 to 9999-12-31");
    }
    return `${date} ${MIDNIGHT}`;
  },
  decode(value) {
    const { date, time = MIDNIGHT } = TIMESTAMP.exec(expectText(value))?.groups ?? {};
    if (!date || Number.isNaN(parseUtc(date, time))) {
      throw new Unrepresentable("must be YYYY-MM-DD");
    }
    const [year, month, day] = date.split("-").map(Number);
    return create(DateSchema, { year: year ?? 0, month: month ?? 0, day: day ?? 0 });
  },
};

/** INTEGER milliseconds. */
export const durationCodec: ColumnCodec = {
  affinities: ["INTEGER", "NUMERIC"],
  encode(value) {
    const { seconds, nanos } = value as Duration;
    if (Math.abs(nanos) >= 1e9 || Number(seconds) * nanos < 0) {
      throw new Unrepresentable("seconds and nanos must have one sign and nanos be below 1 s");
    }
    if (nanos % 1_000_000 !== 0) throw new Unrepresentable("must be whole milliseconds");
    const milliseconds = seconds * 1000n + BigInt(nanos / 1_000_000);
    if (milliseconds < INT64_MIN || milliseconds > INT64_MAX) {
      throw new Unrepresentable("must fit 64 bits of milliseconds");
    }
    return milliseconds;
  },
  decode(value) {
    const milliseconds = expectInteger(value);
    return create(DurationSchema, {
      seconds: milliseconds / 1000n,
      nanos: Number(milliseconds % 1000n) * 1_000_000,
    });
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

function formatCents({ units, nanos }: Money): string {
  if (Math.abs(nanos) >= 1e9 || Number(units) * nanos < 0) {
    throw new Unrepresentable("units and nanos must have one sign and nanos be below one unit");
  }
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

/**
 * The decimal number that a REAL stands for: the 13.859999999999999 of a float sum is 13.86, as
 * `sqlite3` shows it too.
 */
function parseDecimal(value: NonNullable<SqlValue>): { units: bigint; nanos: number } {
  if (typeof value === "bigint") return { units: value, nanos: 0 };
  const text = typeof value === "number" ? value.toPrecision(DOUBLE_DIGITS) : "";
  const match = /^(-?)(\d+)(?:\.(\d*?)0*)?$/.exec(text);
  const [, sign, units = "", decimals = ""] = match ?? [];
  if (!match || decimals.length > 9) {
    throw new Unrepresentable("must be a number with at most 9 decimals");
  }
  const direction = sign === "-" ? -1 : 1;
  const nanos = Number(decimals.padEnd(9, "0"));
  return { units: BigInt(units) * BigInt(direction), nanos: nanos * direction || 0 };
}

const MIDNIGHT = "00:00:00";

/** The first second that a Timestamp may have, that of 0001-01-01T00:00:00Z. */
export const MIN_SECONDS = -62_135_596_800n;

/** The last second that a Timestamp may have, that of 9999-12-31T23:59:59Z. */
export const MAX_SECONDS = 253_402_300_799n;

/** The forms that SQLite's own date functions read, without a zone other than UTC. */
const TIMESTAMP =
  /^(?<date>\d{4}-\d\d-\d\d)(?:[ T](?<time>\d\d:\d\d:\d\d)(?:\.(?<fraction>\d{1,9}))?Z?)?$/;

/** Milliseconds since the epoch; NaN for a day or time that does not exist. */
function parseUtc(date: string, time: string): number {
  const milliseconds = Date.parse(`${date}T${time}Z`);
  if (Number.isNaN(milliseconds)) return milliseconds;
  const back = new Date(milliseconds).toISOString();
  return back.startsWith(`${date}T${time}`) ? milliseconds : Number.NaN;
}

/** The date and the time of day of a second that a Timestamp may have, in UTC. */
export function formatUtc(seconds: bigint, separator: string): string {
  // Field by field, as toISOString takes three times as long.
  const time = new Date(Number(seconds) * 1000);
  const month = twoDigits(time.getUTCMonth() + 1);
  const date = `${pad(time.getUTCFullYear(), 4)}-${month}-${twoDigits(time.getUTCDate())}`;
  const minute = `${twoDigits(time.getUTCHours())}:${twoDigits(time.getUTCMinutes())}`;
  return `${date}${separator}${minute}:${twoDigits(time.getUTCSeconds())}`;
}

function twoDigits(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}

/** The fraction of a second: nothing, or a point and 3, 6 or 9 digits. */
export function formatFraction(nanos: number): string {
  if (nanos === 0) return "";
  const digits = pad(nanos, 9);
  if (digits.endsWith("000000")) return `.${digits.slice(0, 3)}`;
  return digits.endsWith("000") ? `.${digits.slice(0, 6)}` : `.${digits}`;
}

function pad(value: number, length: number): string {
  return String(value).padStart(length, "0");
}
