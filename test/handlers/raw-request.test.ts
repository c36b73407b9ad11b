// Holds that a write request taken apart is the request that was sent: nothing in it is lost, and
// its resource is what the library would have read.

import { clone, type DescMessage, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RESOURCES } from "../../src/chinook/resources.ts";
import { decodeRequest, splitBy } from "../../src/handlers/raw-request.ts";
import { registryOf } from "../../src/schema/registry.ts";
import { arbitraryMessage } from "../support/arbitrary-message.ts";

const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 31);
const REGISTRY = registryOf(RESOURCES.map(({ resource }) => resource));

/** Every Create and Update request, with the field that is the resource. */
const WRITES = RESOURCES.flatMap(({ resource, service }) =>
  service.methods
    .filter(({ name }) => name === `Create${resource.name}` || name === `Update${resource.name}`)
    .map(({ input }) => ({ input, resource })),
);

function resourceField(input: DescMessage, resource: DescMessage) {
  const field = input.fields.find((each) => each.message === resource);
  if (field?.fieldKind !== "message") throw new Error(`${input.name} has no ${resource.name}`);
  return field;
}

describe("a request that is taken apart", () => {
  test.for(WRITES)("is what was sent: $input.name", ({ input, resource }) => {
    const field = resourceField(input, resource);
    const split = splitBy(input, field);
    const options = { registry: REGISTRY, storable: true };
    const property = fc.property(
      arbitraryMessage(input, options),
      fc.boolean(),
      (message, twice) => {
        const source = reflect(input, message);
        // The library merges a field that comes twice; the parts behind each other are the same.
        const more = twice && source.isSet(field) ? toBinary(input, onlyResource(message)) : [];
        const bytes = Buffer.concat([toBinary(input, message), Uint8Array.from(more)]);
        const whole = fromBinary(input, bytes);
        const { message: others, left } = split(bytes);
        const part = fromBinary(resource, Buffer.concat(left));
        const expected = reflect(input, whole);
        expect(left.length > 0).toBe(expected.isSet(field));
        if (expected.isSet(field)) {
          const wanted = toBinary(resource, expected.get(field).message);
          expect(Buffer.compare(toBinary(resource, part), wanted)).toBe(0);
        }
        expected.clear(field);
        expect(Buffer.compare(toBinary(input, others), toBinary(input, whole))).toBe(0);
      },
    );
    function onlyResource(message: Message): Message {
      const copy = reflect(input, clone(input, message));
      for (const other of input.fields) if (other !== field) copy.clear(other);
      copy.setUnknown([]);
      return copy.message;
    }
    fc.assert(property, { numRuns: 100, seed: SEED });
  });

  test("is refused, without what the decoder says, if it is no message", () => {
    for (const { input, resource } of WRITES) {
      const field = resourceField(input, resource);
      const broken = new BinaryWriter()
        .tag(field.number, WireType.LengthDelimited)
        .raw(Uint8Array.of(200));
      const bytes = broken.finish();
      const message = `the request cannot be decoded as ${input.typeName}`;
      expect(() => splitBy(input, field)(bytes)).toThrow(message);
      expect(() => decodeRequest(input, bytes)).toThrow(message);
    }
  });
});
