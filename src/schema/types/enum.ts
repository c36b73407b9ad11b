// Enums: the number in a column, the name in JSON and in filters. An open enum keeps numbers that it
// does not know; a closed one has none.

import type { DescEnum, JsonValue, Registry } from "@bufbuild/protobuf";
import { findStoredValue } from "../stored-types.ts";
import { expectInRange, expectInteger, Unrepresentable } from "./column-codec.ts";
import type { ColumnForm } from "./kind.ts";
import { BadLiteral, type LeafKind } from "./leaf.ts";

const isKnown = (desc: DescEnum, number: number) => desc.open || desc.value[number] !== undefined;

/** How a column keeps an enum. */
export function enumColumn(desc: DescEnum): ColumnForm {
  return {
    option: "default_value",
    codec: () => ({
      affinities: ["INTEGER", "NUMERIC"],
      encode: (value) => BigInt(value as number),
      decode(value) {
        const number = Number(expectInRange(expectInteger(value), -(2n ** 31n), 2n ** 31n - 1n));
        if (!isKnown(desc, number)) {
          throw new Unrepresentable(`${number} is no value of ${desc.typeName}`);
        }
        return number;
      },
    }),
  };
}

/** The number of an enum's value. @throws Unrepresentable */
export function readEnum(desc: DescEnum, json: JsonValue, registry: Registry): number {
  const number =
    typeof json === "number" && Number.isSafeInteger(json) && (json | 0) === json
      ? json
      : (desc.values.find((candidate) => candidate.name === json)?.number ??
        findStoredValue(registry, desc, String(json)));
  if (number === undefined || !isKnown(desc, number)) {
    throw new Unrepresentable(`must be a value of ${desc.typeName}`);
  }
  return number;
}

/** Writes values as JSON: their names, and the number of one that is not known. */
export function enumWriter(desc: DescEnum): (value: unknown) => string {
  const names = new Map<unknown, string>();
  for (const { number } of desc.values) {
    // Of the names that share a number, that is the first one.
    names.set(number, JSON.stringify(desc.value[number]?.name));
  }
  return (number) => names.get(number) ?? String(number);
}

/** Tells the value that a field without presence has when it is not set. */
export function enumZeroTest(desc: DescEnum): (value: unknown) => boolean {
  const zero = desc.values[0]?.number;
  return (value) => value === zero;
}

const namesOf = ({ values }: DescEnum, number: number) =>
  values.filter((value) => value.number === number).map(({ name }) => name);

export const enumLeaf: LeafKind<"enum"> = {
  describe: ({ desc }) => `a ${desc.name}`,
  isOrdered: false,
  read({ text }, { desc }) {
    const number = desc.values.find(({ name }) => name === text)?.number;
    if (number === undefined) {
      const names = desc.values.slice(0, 5).map(({ name }) => name);
      const more = desc.values.length > names.length ? ", …" : "";
      throw new BadLiteral(`${desc.name} has no such value; it has ${names.join(", ")}${more}`);
    }
    return { kind: "enum", number, names: namesOf(desc, number) };
  },
  zero: ({ desc }) => ({ kind: "enum", number: 0, names: namesOf(desc, 0) }),
  sample: ({ desc: { values } }) =>
    (values.find(({ number }) => number !== 0) ?? values[0])?.name ?? "",
};
