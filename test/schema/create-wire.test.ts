// The bytes of a new row are the library's own, whatever encoder the client has: canonical bytes stay
// as they are, all others are written anew.

import { fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { TimestampSchema, timestampFromDate } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RESOURCES } from "../../src/chinook/resources.ts";
import { applyDefaults, clearOutputOnly } from "../../src/schema/behavior.ts";
import { isCanonical } from "../../src/schema/canonical-bytes.ts";
import { createWire } from "../../src/schema/create-wire.ts";
import { planResources, type ResourcePlan } from "../../src/schema/plan.ts";
import { registryOf } from "../../src/schema/registry.ts";
import { type RowIdentity, setIdentity } from "../../src/schema/row.ts";
import { ArbitraryMaker } from "../support/arbitrary-message.ts";
import { clearServerFields, makeResource } from "../support/arbitrary-resource.ts";
import { EVERYTHING_PLAN, EVERYTHING_REGISTRY } from "../support/everything.ts";
import { changeMessage, randomNumbers } from "./other-bytes.ts";

/** Set SEED to run the same messages again; it is in the name of each test. */
const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 31);

const PLANS = planResources(RESOURCES);
const REGISTRY = registryOf(RESOURCES.map(({ resource }) => resource));
// Its lines make that its bytes are always written anew; without that, every kind of field is met.
const NO_CHILDREN: ResourcePlan = { ...EVERYTHING_PLAN, children: [] };

const TIME = "2026-01-31T12:00:00.000Z";
const identities: readonly RowIdentity[] = [
  { key: 7n, revision: 1n, createdAt: TIME, updatedAt: TIME },
  {
    key: -(2n ** 63n),
    revision: 2n ** 63n - 1n,
    createdAt: TIME,
    updatedAt: "2026-02-01 00:00:00",
  },
  { key: 12_345_678n, revision: null, createdAt: null, updatedAt: null },
];

function make(plan: ResourcePlan, seed: number): Message {
  if (plan !== NO_CHILDREN) return makeResource(plan, REGISTRY, seed);
  // With all of its fields, hardly one would be canonical.
  const random = randomNumbers(seed);
  const skip = () => random() < 0.9;
  const maker = new ArbitraryMaker(seed, { registry: EVERYTHING_REGISTRY, storable: false, skip });
  return maker.message(plan.desc, 0).message;
}

/** What a server has made of the bytes when a row is to be written. */
function received(plan: ResourcePlan, given: Uint8Array): Message {
  const message = fromBinary(plan.desc, given);
  clearOutputOnly(plan.desc, message);
  applyDefaults(plan, message);
  return message;
}

/** Compares with the library, and tells whether the bytes were kept. */
function checkWire(plan: ResourcePlan, given: Uint8Array, identity: RowIdentity): boolean {
  const expected = received(plan, given);
  setIdentity(plan, expected, identity);
  const message = received(plan, given);
  const wire = createWire(plan, given, message, identity);
  const same = Buffer.compare(wire, toBinary(plan.desc, expected)) === 0;
  expect(same, Buffer.from(given).toString("hex")).toBe(true);
  // Only a message that is encoded has got its name.
  return Buffer.compare(toBinary(plan.desc, message), toBinary(plan.desc, expected)) !== 0;
}

describe("the bytes of a new row", () => {
  for (const plan of [...PLANS, NO_CHILDREN]) {
    test(`are the library's: ${plan.desc.typeName} (SEED=${SEED})`, () => {
      let [kept, changed] = [0, 0];
      const property = fc.property(
        fc.integer(),
        fc.constantFrom(...identities),
        (seed, identity) => {
          const random = randomNumbers(seed);
          const message = make(plan, seed);
          if (random() < 0.5) clearServerFields(plan, message);
          let bytes: Uint8Array = toBinary(plan.desc, message);
          if (checkWire(plan, bytes, identity)) kept++;
          for (let changes = 0; changes < 8; changes++) {
            const next = changeMessage(plan.desc, bytes, random);
            if (!next) continue;
            bytes = next;
            checkWire(plan, bytes, identity);
            changed++;
          }
        },
      );
      fc.assert(property, { numRuns: 500, seed: SEED });
      const hasMore = Boolean(plan.derive) || plan.children.length > 0;
      expect(kept > 5).toBe(!hasMore);
      expect(changed).toBeGreaterThan(500);
    });
  }

  test("are written without the client's bytes too", () => {
    const plan = PLANS[0] as ResourcePlan;
    const [identity] = identities as [RowIdentity];
    const message = make(plan, 1);
    const wire = createWire(plan, undefined, message, identity);
    expect(wire).toEqual(toBinary(plan.desc, message));
  });

  test("begin with the name and have default, times and etag in their places", () => {
    const plan = PLANS.find(({ table }) => table === "customers") as ResourcePlan;
    const given = fieldBytes([2, "Ada"], [16, "tag"], [24, '"9"']);
    const [identity] = identities as [RowIdentity];
    const wire = createWire(plan, given, received(plan, given), identity);
    const time = toBinary(TimestampSchema, timestampFromDate(new Date(TIME)));
    const expected = Buffer.concat([
      fieldBytes([1, "customers/7"], [2, "Ada"]),
      Buffer.from([14 * 8, 1]),
      fieldBytes([16, "tag"]),
      fieldBytes([22, time], [23, time], [24, '"1"']),
    ]);
    expect(Buffer.from(wire).toString("hex")).toBe(expected.toString("hex"));
  });
});

describe("bytes that are taken for canonical", () => {
  test(`are written back as they were (SEED=${SEED})`, () => {
    const { desc } = EVERYTHING_PLAN;
    let canonical = 0;
    const property = fc.property(fc.integer(), (seed) => {
      const random = randomNumbers(seed);
      const skip = () => random() < 0.9;
      const options = { registry: EVERYTHING_REGISTRY, storable: false, skip };
      const message = new ArbitraryMaker(seed, options).message(desc, 0).message;
      let bytes: Uint8Array = toBinary(desc, message);
      for (let changes = 0; changes < 10; changes++) {
        if (isCanonical(desc, bytes, () => {})) {
          const back = toBinary(desc, fromBinary(desc, bytes));
          expect(Buffer.from(back).toString("hex")).toBe(Buffer.from(bytes).toString("hex"));
          canonical++;
        }
        bytes = changeMessage(desc, bytes, random) ?? bytes;
      }
    });
    fc.assert(property, { numRuns: 2000, seed: SEED });
    expect(canonical).toBeGreaterThan(1000);
  });
});

function fieldBytes(...fields: readonly (readonly [number, string | Uint8Array])[]): Uint8Array {
  return Buffer.concat(
    fields.map(([number, value]) => {
      const content = Buffer.from(value as string);
      const tag = number < 16 ? [number * 8 + 2] : [((number * 8 + 2) % 128) | 128, number >> 4];
      return Buffer.concat([Buffer.from([...tag, content.length]), content]);
    }),
  );
}
