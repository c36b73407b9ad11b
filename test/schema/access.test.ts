// Direct access to fields says what the reflection API of the library says, also of messages of
// proto2, which have their defaults on their prototypes.

import {
  create,
  createFileRegistry,
  type DescField,
  type DescMessage,
  fromBinary,
  fromJson,
  type Message,
  toBinary,
} from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { accessOf } from "../../src/schema/access.ts";
import { isCanonical } from "../../src/schema/canonical-bytes.ts";
import { ArbitraryMaker } from "../support/arbitrary-message.ts";
import { EVERYTHING, EVERYTHING_REGISTRY } from "../support/everything.ts";
import { changeMessage, randomNumbers } from "./other-bytes.ts";

// A closed enum has values that cannot be set.
const isEnum = (field: DescField) => field.parent === OLD && Boolean(field.enum);

/** Set SEED to run the same messages again; it is in the name of each test. */
const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 31);

const optional = { label: "LABEL_OPTIONAL" };
const OLD_FIELDS = [
  { ...optional, name: "number", number: 1, type: "TYPE_INT32", defaultValue: "5" },
  { ...optional, name: "text", number: 2, type: "TYPE_STRING" },
  { ...optional, name: "data", number: 3, type: "TYPE_BYTES" },
  { ...optional, name: "kind", number: 4, type: "TYPE_ENUM", typeName: ".old.Kind" },
  { ...optional, name: "long", number: 5, type: "TYPE_INT64", options: { jstype: "JS_STRING" } },
  { label: "LABEL_REPEATED", name: "numbers", number: 6, type: "TYPE_INT32" },
  { label: "LABEL_REPEATED", name: "kinds", number: 7, type: "TYPE_ENUM", typeName: ".old.Kind" },
  { ...optional, name: "self", number: 8, type: "TYPE_MESSAGE", typeName: ".old.Old" },
  { ...optional, name: "group", number: 9, type: "TYPE_GROUP", typeName: ".old.Old" },
  { ...optional, name: "one", number: 10, type: "TYPE_BOOL", oneofIndex: 0 },
  { ...optional, name: "two", number: 11, type: "TYPE_DOUBLE", oneofIndex: 0 },
];
const REQUIRED = { label: "LABEL_REQUIRED", name: "must", number: 12, type: "TYPE_BOOL" };

const OLD_FILE = createFileRegistry(
  fromJson(FileDescriptorProtoSchema, {
    name: "old.proto",
    package: "old",
    syntax: "proto2",
    messageType: [
      { name: "Old", field: OLD_FIELDS, oneofDecl: [{ name: "choice" }] },
      { name: "Strict", field: [REQUIRED] },
    ],
    enumType: [
      {
        name: "Kind",
        value: [
          { name: "A", number: 1 },
          { name: "B", number: 2 },
        ],
      },
    ],
  }),
  () => undefined,
);
const OLD = OLD_FILE.getMessage("old.Old") as DescMessage;
const STRICT = OLD_FILE.getMessage("old.Strict") as DescMessage;

function compare(desc: DescMessage, message: Message): void {
  const reflected = reflect(desc, message);
  const copy = create(desc);
  for (const field of desc.fields) {
    const access = accessOf(field);
    const value = access.get(message);
    expect(value !== undefined, field.name).toBe(reflected.isSet(field));
    if (value === undefined) continue;
    expect(access.getAny(message)).toBe(value);
    access.set(copy, value);
    expect(access.get(copy)).toBe(value);
  }
  const { $unknown } = message;
  if ($unknown) copy.$unknown = $unknown;
  expect(toBinary(desc, copy)).toEqual(toBinary(desc, message));
}

describe("direct access", () => {
  for (const [desc, registry] of [
    [EVERYTHING, EVERYTHING_REGISTRY],
    [OLD, OLD_FILE],
  ] as const) {
    test(`agrees with reflection: ${desc.typeName} (SEED=${SEED})`, () => {
      compare(desc, create(desc));
      const property = fc.property(fc.integer(), (seed) => {
        const maker = new ArbitraryMaker(seed, { registry, storable: false, skip: isEnum });
        compare(desc, fromBinary(desc, toBinary(desc, maker.message(desc, 0).message)));
      });
      fc.assert(property, { numRuns: 300, seed: SEED });
    });
  }

  test("finds a field that was cleared not set, and its default where it has one", () => {
    const [number] = OLD.fields as [(typeof OLD.fields)[number]];
    const message = create(OLD);
    accessOf(number).set(message, 0);
    expect(accessOf(number).get(message)).toBe(0);
    reflect(OLD, message).clear(number);
    expect(accessOf(number).get(message)).toBeUndefined();
    expect(accessOf(number).getAny(message)).toBe(5);
  });
});

describe("bytes of proto2 that are taken for canonical", () => {
  test(`are written back as they were (SEED=${SEED})`, () => {
    let canonical = 0;
    const property = fc.property(fc.integer(), (seed) => {
      const random = randomNumbers(seed);
      const skip = (field: DescField) => random() < 0.6 || isEnum(field);
      const maker = new ArbitraryMaker(seed, { registry: OLD_FILE, storable: false, skip });
      let bytes: Uint8Array = toBinary(OLD, maker.message(OLD, 0).message);
      for (let changes = 0; changes < 10; changes++) {
        if (isCanonical(OLD, bytes, () => {})) {
          expect(toBinary(OLD, fromBinary(OLD, bytes))).toEqual(bytes);
          canonical++;
        }
        bytes = changeMessage(OLD, bytes, random) ?? bytes;
      }
    });
    fc.assert(property, { numRuns: 1000, seed: SEED });
    expect(canonical).toBeGreaterThan(100);
  });

  test("are never those of a message with required fields, which it may lack", () => {
    expect(isCanonical(STRICT, new Uint8Array(), () => {})).toBe(false);
  });
});
