// Bytes that are text are that text, and bytes that are none never pass for one, in each encoding that
// a database may have.

import fc from "fast-check";
import { expect, test } from "vitest";
import { type TextEncoding, textOf } from "../../src/schema/text-bytes.ts";

const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 31);
const ENCODINGS: readonly TextEncoding[] = ["UTF-8", "UTF-16le", "UTF-16be"];

function encode(text: string, encoding: TextEncoding): Buffer {
  if (encoding === "UTF-8") return Buffer.from(text);
  const bytes = Buffer.from(text, "utf16le");
  return encoding === "UTF-16le" ? bytes : bytes.swap16();
}

/** Undefined for bytes that are no text. */
function strictly(bytes: Uint8Array, encoding: TextEncoding): string | undefined {
  try {
    return new TextDecoder(encoding, { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

const text = fc.string({ unit: fc.oneof(fc.constantFrom("\ufffd", "\ufeff", "\0"), fc.string()) });

test.for(ENCODINGS)(`texts and other bytes in %s (SEED=${SEED})`, (encoding) => {
  const texts = fc.property(text, (value) => {
    expect(textOf(encode(value, encoding), encoding)).toBe(value);
  });
  fc.assert(texts, { seed: SEED });
  const anyBytes = fc
    .tuple(text, fc.uint8Array({ maxLength: 4 }), text)
    .map(([a, bytes, b]) => Buffer.concat([encode(a, encoding), bytes, encode(b, encoding)]));
  let invalid = 0;
  const others = fc.property(anyBytes, (bytes) => {
    const expected = strictly(bytes, encoding);
    const found = textOf(bytes, encoding);
    if (expected === undefined) invalid++;
    expect(found.isWellFormed()).toBe(expected !== undefined);
    if (expected !== undefined) expect(found).toBe(expected);
  });
  fc.assert(others, { seed: SEED, numRuns: 500 });
  expect(invalid).toBeGreaterThan(50);
});
