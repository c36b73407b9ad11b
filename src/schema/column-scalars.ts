// Codecs of columns for scalars, enums and references.
// SQLite's own rules decide what a column cannot hold: no NaN, no -0, no integer above 2^63-1.

import { type DescEnum, ScalarType } from "@bufbuild/protobuf";
import {
  type ColumnCodec,
  expectInRange,
  expectInteger,
  expectText,
  Unrepresentable,
} from "./codec.ts";
import { formatName, parseName, type ResourceType } from "./resource-name.ts";
import { INT64_MAX, INT64_MIN, type SqlValue } from "./sql-value.ts";

/** TEXT of at most `maxLength` code points; 0 is unlimited. */
export function textCodec(maxLength: number): ColumnCodec {
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

/** A reference is kept as the key of the row that it names, an empty one as NULL. */
export function referenceCodec(resource: ResourceType): ColumnCodec {
  return {
    affinities: ["INTEGER", "NUMERIC"],
    encode(value) {
      if (value === "") return null;
      try {
        return parseName(resource, value as string, "");
      } catch {
        throw new Unrepresentable(`must be a name such as ${resource.collection}/7`);
      }
    },
    decode: (value) => formatName(resource, expectInteger(value)),
  };
}

/** An enum is kept as its number; an open one keeps numbers that it does not know. */
export function enumCodec(desc: DescEnum): ColumnCodec {
  return {
    affinities: ["INTEGER", "NUMERIC"],
    encode: (value) => BigInt(value as number),
    decode(value) {
      const number = expectInRange(expectInteger(value), -(2n ** 31n), 2n ** 31n - 1n);
      if (!desc.open && desc.value[Number(number)] === undefined) {
        throw new Unrepresentable(`${number} is no value of ${desc.typeName}`);
      }
      return Number(number);
    },
  };
}

function integer32Codec(min: bigint, max: bigint): ColumnCodec {
  return {
    affinities: ["INTEGER", "NUMERIC"],
    encode: (value) => BigInt(value as number),
    decode: (value) => Number(expectInRange(expectInteger(value), min, max)),
  };
}

function integer64Codec(min: bigint): ColumnCodec {
  return {
    affinities: ["INTEGER", "NUMERIC"],
    encode: (value) => expectInRange(BigInt(value as bigint | string), min, INT64_MAX),
    decode: (value) => expectInRange(expectInteger(value), min, INT64_MAX),
  };
}

function floatCodec(round: (value: number) => number): ColumnCodec {
  return {
    affinities: ["REAL"],
    encode(value) {
      const number = value as number;
      // SQLite keeps NaN as NULL and -0 as 0.
      if (Number.isNaN(number)) throw new Unrepresentable("must not be NaN");
      if (Object.is(number, -0)) throw new Unrepresentable("must not be -0");
      return round(number);
    },
    decode(value) {
      if (typeof value !== "number") throw new Unrepresentable("must be a REAL");
      // Another program may have written the shortest text of a float: the nearest one is meant.
      const rounded = round(value);
      if (Number.isFinite(value) && !Number.isFinite(rounded)) {
        throw new Unrepresentable("must be a number that a float can hold");
      }
      return rounded;
    },
  };
}

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

const boolCodec: ColumnCodec = {
  affinities: ["INTEGER", "NUMERIC"],
  encode: (value) => (value ? 1n : 0n),
  decode(value) {
    if (TRUE_VALUES.includes(value)) return true;
    if (FALSE_VALUES.includes(value)) return false;
    throw new Unrepresentable("must be 0 or 1, or such a word as true or f");
  },
};

const bytesCodec: ColumnCodec = {
  affinities: ["BLOB"],
  encode: (value) => value as Uint8Array,
  decode(value) {
    if (!(value instanceof Uint8Array)) throw new Unrepresentable("must be a BLOB");
    return new Uint8Array(value);
  },
};

const int32Codec = integer32Codec(-(2n ** 31n), 2n ** 31n - 1n);
const uint32Codec = integer32Codec(0n, 2n ** 32n - 1n);
const int64Codec = integer64Codec(INT64_MIN);
const uint64Codec = integer64Codec(0n);

/** The codecs of all scalars but strings. */
export const SCALAR_CODECS: Readonly<Record<Exclude<ScalarType, ScalarType.STRING>, ColumnCodec>> =
  {
    [ScalarType.BOOL]: boolCodec,
    [ScalarType.BYTES]: bytesCodec,
    [ScalarType.DOUBLE]: floatCodec((value) => value),
    [ScalarType.FLOAT]: floatCodec(Math.fround),
    [ScalarType.INT32]: int32Codec,
    [ScalarType.SINT32]: int32Codec,
    [ScalarType.SFIXED32]: int32Codec,
    [ScalarType.UINT32]: uint32Codec,
    [ScalarType.FIXED32]: uint32Codec,
    [ScalarType.INT64]: int64Codec,
    [ScalarType.SINT64]: int64Codec,
    [ScalarType.SFIXED64]: int64Codec,
    [ScalarType.UINT64]: uint64Codec,
    [ScalarType.FIXED64]: uint64Codec,
  };
