// The CRC-32 of two messages together follows from that of each, whatever their lengths.

import { crc32 } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import { joinCrc } from "../../src/schema/joined-crc.ts";

const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 31);

/** Short ones, and those about the length up to which factors are kept. */
const bytes = fc.oneof(
  fc.uint8Array(),
  fc
    .tuple(fc.integer({ min: 4094, max: 4099 }), fc.nat(255))
    .map(([length, fill]) => new Uint8Array(length).fill(fill)),
);

test(`joined checksums are those of the bytes together (SEED=${SEED})`, () => {
  const property = fc.property(bytes, bytes, (a, b) => {
    expect(joinCrc(crc32(a), crc32(b), b.length)).toBe(crc32(Buffer.concat([a, b])));
  });
  fc.assert(property, { seed: SEED, numRuns: 300 });
});
