// google.type.Money: NUMERIC(10,2) of one currency in a column, an object of its fields in JSON.
// Amounts are converted by their decimal digits and never pass through float arithmetic.

import { create, type Message } from "@bufbuild/protobuf";
import { type Money, MoneySchema } from "../../../gen/google/type/money_pb.ts";
import type { SqlValue } from "../sql-value.ts";
import { pad } from "../time-text.ts";
import { signOf } from "./bounds.ts";
import { type ColumnCodec, Unrepresentable } from "./column-codec.ts";
import { type Decimal, parseDecimal, scaleDecimal } from "./decimal.ts";
import { doublesOf } from "./doubles.ts";
import type { MessageKind } from "./kind.ts";
import { BadLiteral, type LeafKind, type Value } from "./leaf.ts";
import { hasOneSign, NANOS_PER_UNIT } from "./nanos.ts";

function outOfRange(message: Message): string | undefined {
  const { units, nanos } = message as Money;
  return hasOneSign(units, nanos)
    ? undefined
    : "units and nanos must have one sign and nanos be below one unit";
}

const NANOS_PER_CENT = 10_000_000;
const MAX_UNITS = 99_999_999n;

/** Bound as decimal text, which SQLite keeps as a number. */
function moneyCodec(currencyCode: string): ColumnCodec {
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
      return create(MoneySchema, { currencyCode, ...readAmount(value) });
    },
  };
}

function formatCents(money: Money): string {
  const reason = outOfRange(money);
  if (reason !== undefined) throw new Unrepresentable(reason);
  const { units, nanos } = money;
  if (nanos % NANOS_PER_CENT !== 0) throw new Unrepresentable("must be whole cents");
  const magnitude = units < 0n ? -units : units;
  if (magnitude > MAX_UNITS) throw new Unrepresentable(`must be at most ${MAX_UNITS}.99`);
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
function readAmount(value: NonNullable<SqlValue>): { units: bigint; nanos: number } {
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

export const money: MessageKind = {
  typeName: "google.type.Money",
  column: { option: "currency_code", codec: ({ currencyCode }) => moneyCodec(currencyCode) },
  json: undefined,
  outOfRange,
  leaf: { kind: "money" },
  inside: "fields",
};

/** In JSON it compares as its units and then its nanos; in a column, as the doubles that stand for it. */
function comparedAs(amount: Decimal): Value {
  const { least, greatest } = doublesOf(amount);
  const [floor, ceiling] = scaleDecimal(amount, 9);
  const toRow = (nanos: bigint) => [nanos / NANOS_PER_UNIT, nanos % NANOS_PER_UNIT];
  return {
    kind: "range",
    column: { least: [least], greatest: [greatest] },
    json: { least: toRow(ceiling), greatest: toRow(floor) },
    sign: signOf(amount.digits),
  };
}

export const moneyLeaf: LeafKind<"money"> = {
  describe: () => "a Money",
  isOrdered: true,
  isBare: true,
  read({ text }) {
    const amount = parseDecimal(text);
    if (!amount) throw new BadLiteral("a Money is compared with a decimal number such as 0.99");
    const [floor] = scaleDecimal(amount, 0);
    if (floor < -(2n ** 63n) || floor >= 2n ** 63n) throw new BadLiteral("the amount is too large");
    return comparedAs(amount);
  },
  sample: () => "1",
};
