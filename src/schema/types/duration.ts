// google.protobuf.Duration: whole milliseconds in a column; seconds such as 1.5s in JSON and in filters.
// Must not round: what is no whole millisecond stays out of a column.

import { create, type Message } from "@bufbuild/protobuf";
import { type Duration, DurationSchema } from "@bufbuild/protobuf/wkt";
import { formatFraction } from "../time-text.ts";
import { exactly, signOf, wholeMilliseconds } from "./bounds.ts";
import { type ColumnCodec, expectInteger, Unrepresentable } from "./column-codec.ts";
import { expectString, type MessageKind } from "./kind.ts";
import { BadLiteral, type LeafKind, type Value } from "./leaf.ts";
import { hasOneSign, NANOS_PER_UNIT } from "./nanos.ts";

/** The most seconds that a Duration may have, either way: 10,000 years. */
const SECONDS_MAX = 315_576_000_000n;

function outOfRange(message: Message): string | undefined {
  const { seconds, nanos } = message as Duration;
  if (!hasOneSign(seconds, nanos)) {
    return "seconds and nanos must have one sign and nanos be below 1 s";
  }
  const isInRange = seconds >= -SECONDS_MAX && seconds <= SECONDS_MAX;
  return isInRange ? undefined : `must be at most ${SECONDS_MAX} s, either way`;
}

function expectDuration(value: unknown): Duration {
  const reason = outOfRange(value as Duration);
  if (reason !== undefined) throw new Unrepresentable(reason);
  return value as Duration;
}

/** INTEGER milliseconds. */
const codec: ColumnCodec = {
  affinities: ["INTEGER", "NUMERIC"],
  encode(value) {
    const { seconds, nanos } = expectDuration(value);
    if (nanos % 1_000_000 !== 0) throw new Unrepresentable("must be whole milliseconds");
    return seconds * 1000n + BigInt(nanos / 1_000_000);
  },
  decode(value) {
    const milliseconds = expectInteger(value);
    const nanos = Number(milliseconds % 1000n) * 1_000_000;
    return expectDuration(create(DurationSchema, { seconds: milliseconds / 1000n, nanos }));
  },
};

const JSON_FORM = /^(?<sign>-?)(?<seconds>0|[1-9]\d{0,11})(?:\.(?<fraction>\d{1,9}))?s$/;

export const duration: MessageKind = {
  typeName: "google.protobuf.Duration",
  column: { codec: () => codec },
  json: {
    read(json) {
      const groups = JSON_FORM.exec(expectString(json))?.groups;
      if (!groups) throw new Unrepresentable("must be seconds such as 1.5s");
      const { sign, seconds = "", fraction = "" } = groups;
      const direction = sign === "-" ? -1 : 1;
      return expectDuration(
        create(DurationSchema, {
          seconds: BigInt(direction) * BigInt(seconds),
          nanos: direction * Number(fraction.padEnd(9, "0")) || 0,
        }),
      );
    },
    exactWriter: () => writeDuration,
  },
  outOfRange,
  leaf: { kind: "duration" },
  inside: "nothing",
};

function writeDuration(value: unknown): string | undefined {
  const { $unknown, seconds, nanos } = value as Duration;
  if ($unknown || !Number.isInteger(nanos)) return undefined;
  if (outOfRange(value as Duration) !== undefined) return undefined;
  const sign = seconds === 0n && nanos < 0 ? "-" : "";
  return `"${sign}${seconds}${formatFraction(Math.abs(nanos))}s"`;
}

/** In JSON it compares as its seconds and then its nanoseconds. */
function comparedAs(nanos: bigint): Value {
  return {
    kind: "range",
    column: wholeMilliseconds(nanos),
    json: exactly(nanos / NANOS_PER_UNIT, nanos % NANOS_PER_UNIT),
    sign: signOf(nanos),
  };
}

export const durationLeaf: LeafKind<"duration"> = {
  describe: () => "a Duration",
  isOrdered: true,
  read({ text }) {
    const match = /^(-?)(\d{1,12})(?:\.(\d{1,9}))?s$/.exec(text);
    if (!match) throw new BadLiteral("a Duration is written in seconds, as in 20s or 1.5s");
    const [, sign, seconds = "", fraction = ""] = match;
    const nanos = BigInt(seconds + fraction.padEnd(9, "0"));
    if (nanos > SECONDS_MAX * NANOS_PER_UNIT) {
      throw new BadLiteral("a Duration is at most 10,000 years");
    }
    return comparedAs(sign ? -nanos : nanos);
  },
  sample: () => "1s",
};
