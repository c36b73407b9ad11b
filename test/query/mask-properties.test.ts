// What holds for every update mask, on random messages and masks: identity, idempotence, locality,
// union, replacement, and the same change worked out on ProtoJSON objects.

import { clone, type Message, toBinary } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { StoreError } from "../../src/errors.ts";
import { canonicalBytes } from "../../src/query/canonical.ts";
import { applyMask, resolveMask } from "../../src/query/field-mask.ts";
import { EVERYTHING, EVERYTHING_PLAN as PLAN } from "../support/everything.ts";
import {
  isOn,
  jsonOf,
  placesOf,
  randomOf,
  randomPair,
  randomPaths,
  SEED,
  textOf,
  updateJson,
} from "./mask-cases.ts";

const RUNS = { numRuns: 500, seed: SEED };

const update = (current: Message, patch: Message, paths?: readonly string[]): Message =>
  applyMask(PLAN, current, patch, resolveMask(PLAN, paths, patch), "everything");
/** Bytes as text, which is quick to compare. */
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const canonical = (value: Message) => hex(canonicalBytes(EVERYTHING, value));

describe(`random masks (SEED=${SEED})`, () => {
  const seeds = fc.tuple(fc.integer(), fc.integer());
  const pairOf = (seed: number, maskSeed: number) => {
    const { current, patch } = randomPair(seed);
    const paths = randomPaths(maskSeed, [jsonOf(current), jsonOf(patch)]);
    return { current, patch, paths, mask: paths.map(textOf) };
  };

  test("of the resource's own values change nothing", () => {
    const property = fc.property(seeds, ([seed, maskSeed]) => {
      const { current, mask } = pairOf(seed, maskSeed);
      const same = update(current, current, mask);
      expect(hex(toBinary(EVERYTHING, same))).toBe(hex(toBinary(EVERYTHING, current)));
      expect(canonical(update(current, current))).toBe(canonical(current));
      expect(canonical(update(current, current, ["*"]))).toBe(canonical(current));
    });
    fc.assert(property, RUNS);
  });

  test("give twice what they give once, in any order of the paths", () => {
    const property = fc.property(seeds, ([seed, maskSeed]) => {
      const { current, patch, mask } = pairOf(seed, maskSeed);
      const once = update(current, patch, mask);
      expect(canonical(update(once, patch, mask))).toBe(canonical(once));
      const reversed = update(current, patch, [...mask, ...mask].reverse());
      expect(hex(toBinary(EVERYTHING, reversed))).toBe(hex(toBinary(EVERYTHING, once)));
    });
    fc.assert(property, RUNS);
  });

  test("leave all else byte for byte as it is, and take what they say", () => {
    let changes = 0;
    const property = fc.property(seeds, ([seed, maskSeed]) => {
      const { current, patch, paths, mask } = pairOf(seed, maskSeed);
      const result = update(current, patch, mask);
      expect(
        withoutFields(
          result,
          paths.map(([first]) => first?.name ?? ""),
        ),
      ).toEqual(
        withoutFields(
          current,
          paths.map(([first]) => first?.name ?? ""),
        ),
      );
      const [before, after] = [placesOf(jsonOf(current)), placesOf(jsonOf(result))];
      for (const place of new Set([...before.keys(), ...after.keys()])) {
        if (JSON.stringify(before.get(place)) === JSON.stringify(after.get(place))) continue;
        changes++;
        const isOfChoice = place.startsWith('["j_choice_');
        const allowed = paths.some(
          (path) =>
            isOn(path, place) !== undefined ||
            (isOfChoice && path[0]?.name.startsWith("j_choice_")),
        );
        expect(allowed, `${place} is not in ${mask}`).toBe(true);
      }
    });
    fc.assert(property, RUNS);
    expect(changes).toBeGreaterThan(RUNS.numRuns / 4);
  });

  test("give what the same change of ProtoJSON objects gives", () => {
    const kinds = { key: 0, member: 0, each: 0, field: 0, changed: 0 };
    const property = fc.property(seeds, ([seed, maskSeed]) => {
      const { current, patch, paths, mask } = pairOf(seed, maskSeed);
      const writable = paths.filter(
        ([first, second, third]) =>
          !["name", "etag", "create_time", "update_time"].includes(first?.name ?? "") &&
          !(first?.name === "lines" && second && third?.name === "line_id"),
      );
      for (const step of writable.flat()) kinds[step.kind]++;
      const expected = updateJson(jsonOf(current), jsonOf(patch), writable);
      if (JSON.stringify(expected) !== JSON.stringify(jsonOf(current))) kinds.changed++;
      expect(jsonOf(update(current, patch, mask))).toEqual(expected);
    });
    fc.assert(property, { ...RUNS, numRuns: 1500 });
    // The masks are of every kind, and most of them change something.
    for (const count of Object.values(kinds)) expect(count).toBeGreaterThan(100);
  });

  test("that have nothing in common give one after the other what they give together", () => {
    const property = fc.property(seeds, ([seed, maskSeed]) => {
      const { current, patch, paths } = pairOf(seed, maskSeed);
      const random = randomOf(maskSeed);
      const [first, others] = [[] as string[], [] as string[]];
      for (const path of paths) {
        const meets = (side: string[]) => side.some((text) => text.split(".")[0] === path[0]?.name);
        const side = meets(first) ? first : meets(others) || random() < 0.5 ? others : first;
        side.push(textOf(path));
      }
      if (first.length === 0 || others.length === 0) return;
      const together = canonical(update(current, patch, [...first, ...others]));
      expect(canonical(update(update(current, patch, first), patch, others))).toBe(together);
      expect(canonical(update(update(current, patch, others), patch, first))).toBe(together);
    });
    fc.assert(property, RUNS);
  });

  test("of * give the patch, with what the server sets", () => {
    const property = fc.property(fc.integer(), (seed) => {
      const { current, patch } = randomPair(seed);
      const expected = clone(EVERYTHING, patch);
      const [target, source] = [reflect(EVERYTHING, expected), reflect(EVERYTHING, current)];
      for (const field of Object.values(PLAN.standard)) {
        if (source.isSet(field)) target.set(field, source.get(field));
        else target.clear(field);
      }
      expect(canonical(update(current, patch, ["*"]))).toBe(canonical(expected));
    });
    fc.assert(property, RUNS);
  });

  test("of any text are refused, or name something", () => {
    const parts = fc.constantFrom(
      ...EVERYTHING.fields.map(({ name }) => name),
      ..."* ` `` ``` . .. , a 0 -1 1 true value child by_name __proto__ constructor \0 é".split(
        " ",
      ),
    );
    const texts = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.array(parts, { maxLength: 5 }).map((list) => list.join(".")),
      fc.array(parts, { maxLength: 5 }).map((list) => list.join("")),
    );
    const { current, patch } = randomPair(SEED);
    const counts = { taken: 0, refused: 0 };
    const property = fc.property(fc.array(texts, { minLength: 1, maxLength: 3 }), (paths) => {
      try {
        update(current, patch, paths);
        counts.taken++;
      } catch (error) {
        expect(error).toBeInstanceOf(StoreError);
        expect(error).toMatchObject({ code: "INVALID_FIELD" });
        counts.refused++;
      }
    });
    fc.assert(property, { ...RUNS, numRuns: 3000 });
    expect(Object.keys(Object.prototype)).toEqual([]);
    expect(counts.taken).toBeGreaterThan(50);
    expect(counts.refused).toBeGreaterThan(50);
  });
});

function withoutFields(value: Message, names: readonly string[]): string {
  const copy = clone(EVERYTHING, value);
  const target = reflect(EVERYTHING, copy);
  const isChoice = names.some((name) => name.startsWith("j_choice_"));
  for (const field of EVERYTHING.fields) {
    if (names.includes(field.name) || (isChoice && field.oneof)) target.clear(field);
  }
  return hex(toBinary(EVERYTHING, copy));
}
