// What the types of google.protobuf and google.type allow, at their edges and one beyond, and that a
// message is searched for it at any depth, as far as a mask goes.

import { create, type Message } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { StoreError } from "../../src/errors.ts";
import { resolveMask } from "../../src/query/field-mask.ts";
import { checkRanges } from "../../src/schema/ranges.ts";
import { MESSAGES } from "../../src/schema/types/list.ts";
import { EVERYTHING, EVERYTHING_PLAN } from "../support/everything.ts";

const NANOS_MAX = 999_999_999;

const EDGES: Readonly<Record<string, { allowed: readonly object[]; refused: readonly object[] }>> =
  {
    "google.protobuf.Timestamp": {
      allowed: [
        { seconds: -62_135_596_800n, nanos: 0 },
        { seconds: 253_402_300_799n, nanos: NANOS_MAX },
      ],
      refused: [
        { seconds: -62_135_596_801n, nanos: 0 },
        { seconds: 253_402_300_800n, nanos: 0 },
        { seconds: 0n, nanos: -1 },
        { seconds: 0n, nanos: NANOS_MAX + 1 },
      ],
    },
    "google.protobuf.Duration": {
      allowed: [
        { seconds: 315_576_000_000n, nanos: NANOS_MAX },
        { seconds: -315_576_000_000n, nanos: -NANOS_MAX },
        { seconds: 0n, nanos: 1 },
        { seconds: 0n, nanos: -1 },
      ],
      refused: [
        { seconds: 315_576_000_001n, nanos: 0 },
        { seconds: -315_576_000_001n, nanos: 0 },
        { seconds: 1n, nanos: -1 },
        { seconds: -1n, nanos: 1 },
        { seconds: 0n, nanos: NANOS_MAX + 1 },
        { seconds: 0n, nanos: -NANOS_MAX - 1 },
      ],
    },
    "google.type.Money": {
      allowed: [
        { units: 1n, nanos: NANOS_MAX },
        { units: -1n, nanos: -NANOS_MAX },
        { units: 0n, nanos: -NANOS_MAX },
      ],
      refused: [
        { units: 1n, nanos: -1 },
        { units: -1n, nanos: 1 },
        { units: 0n, nanos: NANOS_MAX + 1 },
        { units: 0n, nanos: -NANOS_MAX - 1 },
      ],
    },
    "google.type.Date": {
      allowed: [
        { year: 0, month: 0, day: 0 },
        { year: 9999, month: 0, day: 0 },
        { year: 0, month: 12, day: 0 },
        { year: 0, month: 2, day: 29 },
        { year: 1, month: 1, day: 1 },
      ],
      refused: [
        { year: -1, month: 1, day: 1 },
        { year: 10_000, month: 1, day: 1 },
        { year: 1, month: -1, day: 0 },
        { year: 1, month: 13, day: 0 },
        { year: 1, month: 1, day: -1 },
        { year: 1, month: 0, day: 1 },
        { year: 0, month: 2, day: 30 },
      ],
    },
    "google.type.TimeOfDay": {
      allowed: [
        { hours: 0, minutes: 0, seconds: 0, nanos: 0 },
        { hours: 23, minutes: 59, seconds: 60, nanos: NANOS_MAX },
        { hours: 24, minutes: 0, seconds: 0, nanos: 0 },
      ],
      refused: [
        { hours: -1, minutes: 0, seconds: 0, nanos: 0 },
        { hours: 25, minutes: 0, seconds: 0, nanos: 0 },
        { hours: 24, minutes: 1, seconds: 0, nanos: 0 },
        { hours: 24, minutes: 0, seconds: 1, nanos: 0 },
        { hours: 24, minutes: 0, seconds: 0, nanos: 1 },
        { hours: 0, minutes: -1, seconds: 0, nanos: 0 },
        { hours: 0, minutes: 60, seconds: 0, nanos: 0 },
        { hours: 0, minutes: 0, seconds: -1, nanos: 0 },
        { hours: 0, minutes: 0, seconds: 61, nanos: 0 },
        { hours: 0, minutes: 0, seconds: 0, nanos: -1 },
        { hours: 0, minutes: 0, seconds: 0, nanos: NANOS_MAX + 1 },
      ],
    },
    "google.type.LatLng": {
      allowed: [
        { latitude: 90, longitude: 180 },
        { latitude: -90, longitude: -180 },
      ],
      refused: [
        { latitude: 90.1, longitude: 0 },
        { latitude: -90.1, longitude: 0 },
        { latitude: 0, longitude: 180.1 },
        { latitude: 0, longitude: -180.1 },
        { latitude: Number.NaN, longitude: 0 },
        { latitude: 0, longitude: Number.NaN },
      ],
    },
  };

const RANGED = MESSAGES.filter(({ outOfRange }) => outOfRange);

test.for(RANGED)("$typeName has a range with these edges", ({ typeName, outOfRange }) => {
  const { allowed, refused } = EDGES[typeName] ?? { allowed: [], refused: [] };
  expect(allowed).not.toEqual([]);
  const reasonOf = (fields: object) => outOfRange?.(fields as Message);
  for (const fields of allowed)
    expect.soft([fields, reasonOf(fields)]).toEqual([fields, undefined]);
  for (const fields of refused) {
    expect
      .soft([fields, reasonOf(fields)])
      .toEqual([fields, expect.stringMatching(/^(must|seconds|units) /)]);
  }
});

test("a Date has the days of the calendar", () => {
  const kind = RANGED.find(({ typeName }) => typeName === "google.type.Date");
  for (const year of [1, 4, 100, 1900, 2000, 2023, 2024, 9999]) {
    for (let month = 1; month <= 12; month++) {
      for (let day = 1; day <= 32; day++) {
        const time = new Date(0);
        time.setUTCFullYear(year, month - 1, day);
        const date = { year, month, day } as unknown as Message;
        expect([date, kind?.outOfRange?.(date) === undefined]).toEqual([
          date,
          time.getUTCMonth() === month - 1,
        ]);
      }
    }
  }
});

const BAD = { seconds: 0n, nanos: -1 };

/** Each with a value that is out of range, its path, a mask that reaches it and one that does not. */
const PLACES = [
  ["j_timestamp", { jTimestamp: BAD }, "j_timestamp", "j_string"],
  ["j_timestamps[1]", { jTimestamps: [{}, BAD] }, "j_timestamps", "j_strings"],
  ["j_map_fixed64[7]", { jMapFixed64: { 7: BAD } }, "j_map_fixed64.7", "j_map_fixed32.7"],
  ["j_node.child.time", { jNode: { child: { time: BAD } } }, "j_node.child", "j_node.value"],
  ["j_node.time", { jNode: { time: BAD } }, "j_node.time", "j_node.child.time"],
  ["j_nodes[1].time", { jNodes: [{}, { time: BAD }] }, "j_nodes.*.time", "j_nodes.*.child.time"],
  [
    'j_node.by_name["a\\""].time',
    { jNode: { byName: { 'a"': { time: BAD } } } },
    "j_node.by_name",
    "j_node.children",
  ],
  ["lines[0].c_money", { lines: [{ cMoney: { nanos: 10 ** 9 } }] }, "lines", "j_nodes"],
  [
    "j_choice_node.time",
    { jChoice: { case: "jChoiceNode", value: { time: BAD } } },
    "j_choice_node",
    "j_choice_value",
  ],
] as const;

test.for(PLACES)("a value out of range is found in %s", ([path, fields, reaching, other]) => {
  const message = create(EVERYTHING, fields as never);
  const violations = (mask?: string) => {
    const part = mask && resolveMask(EVERYTHING_PLAN, [mask], message).selection;
    try {
      checkRanges(EVERYTHING, message, "everything", part || undefined);
      return [];
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      return error.details.fields?.map(({ field }) => field);
    }
  };
  expect(violations()).toEqual([`everything.${path}`]);
  expect(violations("*")).toEqual([`everything.${path}`]);
  expect(violations(reaching)).toEqual([`everything.${path}`]);
  expect(violations(other)).toEqual([]);
});
