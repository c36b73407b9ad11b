// google.protobuf.Timestamp: text in UTC in a column, or a number that counts time; RFC 3339 in JSON.
// Reads every form of text that SQLite's own date functions read (time-text.ts).

import { create, type Message } from "@bufbuild/protobuf";
import { type Timestamp, TimestampSchema } from "@bufbuild/protobuf/wkt";
import { MAX_MS, MIN_MS, roundMs, scaleOf, type TimeFormat } from "../time-format.ts";
import {
  formatFraction,
  formatUtc,
  isDay,
  MAX_SECONDS,
  MIN_SECONDS,
  parseTimeText,
} from "../time-text.ts";
import { type ColumnCodec, expectText, Unrepresentable } from "./column-codec.ts";
import { expectString, type MessageKind } from "./kind.ts";
import { BadLiteral, type LeafKind } from "./leaf.ts";
import { isFraction } from "./nanos.ts";

function outOfRange(message: Message): string | undefined {
  const { seconds, nanos } = message as Timestamp;
  const isInRange = seconds >= MIN_SECONDS && seconds <= MAX_SECONDS;
  return isInRange && isFraction(nanos)
    ? undefined
    : "must be from 0001-01-01T00:00:00Z to 9999-12-31T23:59:59Z";
}

function expectTimestamp(value: unknown): Timestamp {
  const reason = outOfRange(value as Timestamp);
  if (reason !== undefined) throw new Unrepresentable(reason);
  return value as Timestamp;
}

/** Text in UTC, `YYYY-MM-DD HH:MM:SS`, with a fraction of 3, 6 or 9 digits if there is one. */
export const timestampCodec: ColumnCodec = {
  affinities: ["TEXT", "NUMERIC"],
  encode(value) {
    const { seconds, nanos } = expectTimestamp(value);
    return formatUtc(seconds, " ") + formatFraction(nanos);
  },
  decode(value) {
    const time = parseTimeText(expectText(value));
    if (!time) {
      throw new Unrepresentable("must be YYYY-MM-DD HH:MM:SS, from the year 1 to the year 9999");
    }
    return create(TimestampSchema, { seconds: time.seconds, nanos: time.nanos });
  },
};

/** The codec of a column that counts time; undefined for text. It is exact to the millisecond. */
function timeNumberCodec(format: TimeFormat): ColumnCodec | undefined {
  const scale = scaleOf(format);
  if (!scale) return undefined;
  return {
    affinities: ["INTEGER", "REAL", "NUMERIC"],
    encode(value) {
      const { seconds, nanos } = expectTimestamp(value);
      if (nanos % 1_000_000 !== 0) throw new Unrepresentable("must be whole milliseconds");
      return scale.fromMs(seconds * 1000n + BigInt(nanos / 1_000_000));
    },
    decode(value) {
      if (typeof value !== "bigint" && typeof value !== "number") {
        throw new Unrepresentable("must be a number that stands for a time");
      }
      const rounded = roundMs(scale.toMs(Number(value)));
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

export const timestamp: MessageKind = {
  typeName: "google.protobuf.Timestamp",
  column: {
    option: "time_format",
    codec: ({ timeFormat }) => timeNumberCodec(timeFormat) ?? timestampCodec,
  },
  json: {
    read(json) {
      const time = parseTimeText(expectString(json));
      if (!time) {
        throw new Unrepresentable(
          "must be a time such as 2024-05-01T12:30:00Z, of the years 1 to 9999",
        );
      }
      return create(TimestampSchema, { seconds: time.seconds, nanos: time.nanos });
    },
    exactWriter: () => writeTimestamp,
  },
  outOfRange,
  leaf: { kind: "timestamp" },
  inside: "nothing",
};

function writeTimestamp(value: unknown): string | undefined {
  const { $unknown, seconds, nanos } = value as Timestamp;
  if ($unknown || !Number.isInteger(nanos)) return undefined;
  if (outOfRange(value as Timestamp) !== undefined) return undefined;
  return `"${formatUtc(seconds, "T")}${formatFraction(nanos)}Z"`;
}

const LITERAL =
  /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])([01]\d|2[0-3]):([0-5]\d))$/;
const TIME = /^(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d$/;

export const timestampLeaf: LeafKind<"timestamp"> = {
  describe: () => "a Timestamp",
  isOrdered: true,
  read({ text }) {
    const [, date = "", time = "", fraction = "", sign, hours, minutes] = LITERAL.exec(text) ?? [];
    if (!isDay(date) || !TIME.test(time)) {
      throw new BadLiteral(
        "a Timestamp is written as in 2024-05-01T12:30:00Z or 2024-05-01T12:30:00+02:00",
      );
    }
    const offsetMs = (Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * 60_000;
    const local = Date.parse(`${date}T${time}Z`);
    const utc = new Date(sign === "-" ? local + offsetMs : local - offsetMs).toISOString();
    if (!/^\d{4}-/.test(utc) || utc.startsWith("0000")) {
      throw new BadLiteral("a Timestamp is from the year 1 to the year 9999");
    }
    const value = `${utc.slice(0, 10)} ${utc.slice(11, 19)}.${fraction.padEnd(9, "0")}`;
    return { kind: "timestamp", value };
  },
  sample: () => '"2026-01-31T12:00:00Z"',
};
