// google.type.Date: the day as text in a column, an object of its fields in JSON.
// A column holds full dates only; JSON also those without a year or a day.

import { create, type Message } from "@bufbuild/protobuf";
import { type Date as CivilDate, DateSchema } from "../../../gen/google/type/date_pb.ts";
import { isDay, pad, parseTimeText } from "../time-text.ts";
import { type ColumnCodec, expectText, Unrepresentable } from "./column-codec.ts";
import type { MessageKind } from "./kind.ts";
import { BadLiteral, type LeafKind } from "./leaf.ts";

function outOfRange(message: Message): string | undefined {
  const { year, month, day } = message as CivilDate;
  return isDate(year, month, day)
    ? undefined
    : "must be a day, a month and a year, a year, or a month and a day that there are";
}

/** By google/type/date.proto: 0 in place of what is not said, the day never without its month. */
function isDate(year: number, month: number, day: number): boolean {
  if (year < 0 || year > 9999 || month < 0 || month > 12 || day < 0) return false;
  if (month === 0) return day === 0;
  // Without a year, the 29th of February is a day too.
  const february = year === 0 || new Date(Date.UTC(2000 + (year % 400), 2, 0)).getUTCDate() === 29;
  return day <= (month === 2 ? (february ? 29 : 28) : LONG_MONTHS.has(month) ? 31 : 30);
}

const LONG_MONTHS: ReadonlySet<number> = new Set([1, 3, 5, 7, 8, 10, 12]);

/** Text, `YYYY-MM-DD 00:00:00`. A time of day that another program stored is not shown. */
const codec: ColumnCodec = {
  affinities: ["TEXT", "NUMERIC"],
  encode(value) {
    const reason = outOfRange(value as CivilDate);
    if (reason !== undefined) throw new Unrepresentable(reason);
    const { year, month, day } = value as CivilDate;
    if (year === 0 || day === 0) {
      throw new Unrepresentable("must be a full date from 0001-01-01 to 9999-12-31");
    }
    return `${pad(year, 4)}-${pad(month, 2)}-${pad(day, 2)} 00:00:00`;
  },
  decode(value) {
    const time = parseTimeText(expectText(value));
    if (!time) {
      throw new Unrepresentable("must be YYYY-MM-DD HH:MM:SS, from the year 1 to the year 9999");
    }
    const [year = 0, month = 0, day = 0] = time.day.split("-").map(Number);
    return create(DateSchema, { year, month, day });
  },
};

export const date: MessageKind = {
  typeName: "google.type.Date",
  column: { codec: () => codec },
  json: undefined,
  outOfRange,
  leaf: { kind: "date" },
  inside: "fields",
};

export const dateLeaf: LeafKind<"date"> = {
  describe: () => "a Date",
  isOrdered: true,
  read({ text }) {
    if (!isDay(text)) throw new BadLiteral('a Date is a day such as "2024-05-01"');
    return { kind: "date", value: text };
  },
  sample: () => '"2026-01-31"',
};
