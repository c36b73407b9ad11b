// Strings: TEXT in a column, unless they name a resource (reference.ts).
// Must not pass on half a character: neither SQLite nor protobuf can keep one.

import { type ColumnCodec, expectText, Unrepresentable } from "./column-codec.ts";
import { expectString, type ScalarKind } from "./kind.ts";
import type { LeafKind } from "./leaf.ts";
import { referenceCodec } from "./reference.ts";

/** TEXT of at most `maxLength` code points; 0 is unlimited. */
function textCodec(maxLength: number): ColumnCodec {
  return {
    affinities: ["TEXT"],
    encode(value) {
      const text = value as string;
      if (!text.isWellFormed()) throw new Unrepresentable("must be well-formed Unicode");
      // A text has no more characters than UTF-16 units, which need not be counted.
      if (maxLength > 0 && text.length > maxLength && countCharacters(text) > maxLength) {
        throw new Unrepresentable(`must have at most ${maxLength} characters`);
      }
      return text;
    },
    decode: expectText,
  };
}

function countCharacters(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

/** What JSON.stringify escapes: without it, a string is its own JSON text between quotes. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const ESCAPED = /[\u0000-\u001f"\\\ud800-\udfff]/;

/** A JSON string. */
export function quote(text: string): string {
  return ESCAPED.test(text) ? JSON.stringify(text) : `"${text}"`;
}

export const string: ScalarKind = {
  column: {
    option: "max_length",
    codec: ({ reference, maxLength }) =>
      reference ? referenceCodec(reference) : textCodec(maxLength),
  },
  leaf: { kind: "text" },
  isZero: (value) => value === "",
  readJson: expectString,
  writeJson: (value) => quote(value as string),
  writeExact: (value) =>
    typeof value === "string" && value.isWellFormed() ? quote(value) : undefined,
  key: { isWritten: () => true, read: (text) => text },
};

export const textLeaf: LeafKind<"text"> = {
  describe: () => "a string",
  isOrdered: true,
  wildcards: "all",
  read: ({ pieces }) => ({ kind: "text", pieces }),
  zero: () => ({ kind: "text", pieces: [""] }),
  sample: () => '"abcd"',
};
