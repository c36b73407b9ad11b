// google.protobuf.Struct, Value and ListValue: JSON within JSON, which filters look into by key.
// Any JSON may be there, so a value is compared by the type that it has.

import type { JsonValue } from "@bufbuild/protobuf";
import { readNumber } from "./float.ts";
import type { MessageKind } from "./kind.ts";
import type { LeafKind } from "./leaf.ts";
import { readByLibrary } from "./library-json.ts";

export const struct: MessageKind = {
  typeName: "google.protobuf.Struct",
  column: undefined,
  json: { read: readByLibrary, exactWriter: () => writeStruct },
  outOfRange: undefined,
  leaf: undefined,
  inside: "members",
  isKeptAsJson: true,
};

export const value: MessageKind = {
  typeName: "google.protobuf.Value",
  column: undefined,
  json: { read: readByLibrary },
  outOfRange: undefined,
  leaf: { kind: "value" },
  inside: "nothing",
  acceptsNull: true,
};

export const listValue: MessageKind = {
  typeName: "google.protobuf.ListValue",
  column: undefined,
  json: { read: readByLibrary },
  outOfRange: undefined,
  leaf: undefined,
  inside: "items",
};

/** The parser of the protobuf library stops at 100 levels; hardly any Struct has as many as these. */
const DEPTH_MAX = 30;

function writeStruct(value: unknown): string | undefined {
  if (!isExactJson(value as JsonValue, DEPTH_MAX)) return undefined;
  const text = JSON.stringify(value);
  return text.startsWith('{"$wire"') ? undefined : text;
}

function isExactJson(json: JsonValue, depth: number): boolean {
  switch (typeof json) {
    case "string":
      return json.isWellFormed();
    case "boolean":
      return true;
    case "number":
      return Number.isFinite(json) && !Object.is(json, -0);
    case "object":
      if (json === null) return true;
      if (depth === 0) return false;
      if (Array.isArray(json)) return json.every((item) => isExactJson(item, depth - 1));
      return Object.keys(json).every(
        (key) => key.isWellFormed() && isExactJson(json[key] as JsonValue, depth - 1),
      );
    default:
      return false;
  }
}

export const valueLeaf: LeafKind<"value"> = {
  describe: () => "a JSON value",
  isOrdered: true,
  wildcards: "quoted",
  read({ text, quoted, pieces }) {
    if (pieces.length > 1) return { kind: "text", pieces };
    return { kind: "json", value: quoted ? text : readBare(text) };
  },
  sample: () => "1",
};

/** Without quotes: null, true, false, a number or else a string, as in JSON. */
function readBare(text: string): string | number | boolean | null {
  if (text === "null") return null;
  if (text === "true" || text === "false") return text === "true";
  return readNumber(text) ?? text;
}
