// Bytes: a BLOB in a column, base64 in JSON and in filters.
// Reads either alphabet of base64, as ProtoJSON asks, but no text that another reader takes for others.

import type { JsonValue } from "@bufbuild/protobuf";
import { base64Encode } from "@bufbuild/protobuf/wire";
import { exactly } from "./bounds.ts";
import { type ColumnCodec, Unrepresentable } from "./column-codec.ts";
import { expectString, type ScalarKind } from "./kind.ts";
import { BadLiteral, type LeafKind, type Value } from "./leaf.ts";

const codec: ColumnCodec = {
  affinities: ["BLOB"],
  encode: (value) => value as Uint8Array,
  decode(value) {
    if (!(value instanceof Uint8Array)) throw new Unrepresentable("must be a BLOB");
    return new Uint8Array(value);
  },
};

const writeJson = (value: unknown) => `"${base64Encode(value as Uint8Array)}"`;

export const bytes: ScalarKind = {
  column: { codec: () => codec },
  leaf: { kind: "bytes" },
  isZero: (value) => (value as Uint8Array).length === 0,
  readJson: readBase64,
  writeJson,
  writeExact: (value) => (value instanceof Uint8Array ? writeJson(value) : undefined),
  key: undefined,
};

const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/;

/** Base64 of either alphabet, with padding or without. @throws Unrepresentable */
export function readBase64(json: JsonValue | undefined): Uint8Array {
  const text = expectString(json);
  const bytes = Buffer.from(text, "base64");
  const digits = text.replace(/=+$/, "").replaceAll("-", "+").replaceAll("_", "/");
  // Buffer passes over what is not base64, and over bits that are beyond the last byte.
  if (!BASE64.test(text) || bytes.toString("base64").replace(/=+$/, "") !== digits) {
    throw new Unrepresentable("must be base64");
  }
  return new Uint8Array(bytes);
}

/** In JSON they compare in the standard alphabet, without the padding. */
function comparedAs(value: Uint8Array): Value {
  const text = Buffer.from(value).toString("base64").replace(/=+$/, "");
  const sign = value.length === 0 ? 0 : 1;
  return { kind: "range", column: exactly(value), json: exactly(text), sign };
}

export const bytesLeaf: LeafKind<"bytes"> = {
  describe: () => "bytes",
  isOrdered: false,
  read({ text }) {
    const value = Buffer.from(text, "base64");
    if (value.toString("base64") !== text) throw new BadLiteral("bytes are written in base64");
    return comparedAs(new Uint8Array(value));
  },
  zero: () => comparedAs(new Uint8Array()),
  sample: () => '"abcd"',
};
