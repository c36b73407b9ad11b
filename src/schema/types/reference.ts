// Strings that are more to their table: the name of a resource, which is the key of its row, and the
// etag, which is a row's revision. JSON and clients have them as the strings that they are.

import { formatName, parseName, type ResourceType } from "../resource-name.ts";
import { type ColumnCodec, expectInteger, Unrepresentable } from "./column-codec.ts";
import { BadLiteral, type LeafKind } from "./leaf.ts";

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

export const referenceLeaf: LeafKind<"reference"> = {
  describe: () => "a resource name",
  isOrdered: false,
  read({ text }, { resource, own }) {
    if (text === "" && !own) return { kind: "key", key: null };
    try {
      return { kind: "key", key: parseName(resource, text, "filter") };
    } catch {
      throw new BadLiteral(`a name such as ${resource.collection}/7 is expected`);
    }
  },
  sample: ({ resource }) => `"${resource.collection}/1"`,
};

/** The revision that an etag is made of (schema/row.ts); one that no row has if it is none. */
export const etagLeaf: LeafKind<"etag"> = {
  describe: () => "an etag",
  isOrdered: false,
  read({ text }) {
    const isEtag = /^"(?:0|[1-9]\d{0,17})"$/.test(text);
    return { kind: "key", key: isEtag ? BigInt(text.slice(1, -1)) : -1n };
  },
  sample: () => '"abcd"',
};
