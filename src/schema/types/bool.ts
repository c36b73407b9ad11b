// Bools: 0 or 1 in a column, where other programs may have words for them; true or false elsewhere.
// Must not take a word that has two meanings.

import type { SqlValue } from "../sql-value.ts";
import { type ColumnCodec, Unrepresentable } from "./column-codec.ts";
import type { ScalarKind } from "./kind.ts";
import { BadLiteral, type LeafKind } from "./leaf.ts";

/** What stands for true in a bool column: what is written, and what other programs write. */
export const TRUE_VALUES: readonly NonNullable<SqlValue>[] = [1n, "t", "T", "true", "True", "TRUE"];

/** What stands for false in a bool column. */
export const FALSE_VALUES: readonly NonNullable<SqlValue>[] = [
  0n,
  "f",
  "F",
  "false",
  "False",
  "FALSE",
];

const codec: ColumnCodec = {
  affinities: ["INTEGER", "NUMERIC"],
  encode: (value) => (value ? 1n : 0n),
  decode(value) {
    if (TRUE_VALUES.includes(value)) return true;
    if (FALSE_VALUES.includes(value)) return false;
    throw new Unrepresentable("must be 0 or 1, or such a word as true or f");
  },
};

const isWord = (text: string) => text === "true" || text === "false";

export const bool: ScalarKind = {
  column: { codec: () => codec },
  leaf: { kind: "bool" },
  isZero: (value) => value === false,
  readJson(json) {
    if (typeof json !== "boolean") throw new Unrepresentable("must be true or false");
    return json;
  },
  writeJson: String,
  writeExact: (value) => (typeof value === "boolean" ? `${value}` : undefined),
  key: {
    isWritten: isWord,
    read(text) {
      if (!isWord(text)) throw new Unrepresentable("must be true or false");
      return text === "true";
    },
  },
};

export const boolLeaf: LeafKind<"bool"> = {
  describe: () => "a bool",
  isOrdered: false,
  isBare: true,
  read({ text }) {
    if (!isWord(text)) throw new BadLiteral("a bool is true or false");
    return { kind: "bool", value: text === "true" };
  },
  zero: () => ({ kind: "bool", value: false }),
  sample: () => "true",
};
