// Random values of the well-known and common types: valid ones, as no descriptor says what that is.
// A type that is not here is left out of messages.

import { create, type DescMessage } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import type { Random } from "./seeded.ts";

/** A value of the type; undefined if nothing is known about what is valid in it. */
export function specialMessage(desc: DescMessage, random: Random): ReflectMessage | undefined {
  const init = initOf(desc, random);
  return init && reflect(desc, create(desc, init as never));
}

function initOf(desc: DescMessage, random: Random): object | undefined {
  switch (desc.typeName) {
    case "google.protobuf.Timestamp":
      // Between 2001 and 2033, in whole milliseconds.
      return {
        seconds: 1_000_000_000n + BigInt(random.below(1_000_000_000)),
        nanos: random.below(1000) * 1_000_000,
      };
    case "google.protobuf.Duration":
      return { seconds: BigInt(random.below(10_000)), nanos: random.below(1000) * 1_000_000 };
    case "google.type.Date":
      return {
        year: 1950 + random.below(80),
        month: 1 + random.below(12),
        day: 1 + random.below(28),
      };
    case "google.type.Money":
      return {
        currencyCode: "USD",
        units: BigInt(1 + random.below(500)),
        nanos: random.below(100) * 10_000_000,
      };
    case "google.type.LatLng":
      return { latitude: random.below(90), longitude: random.below(180) };
    case "google.type.TimeOfDay":
      return { hours: random.below(24), minutes: random.below(60) };
    case "google.protobuf.Struct":
      return { fields: structFields(desc, random) };
    case "google.protobuf.StringValue":
      return { value: `wrapped ${random.below(1000)}` };
    case "google.protobuf.BoolValue":
      return { value: true };
    case "google.protobuf.DoubleValue":
    case "google.protobuf.FloatValue":
    case "google.protobuf.Int32Value":
    case "google.protobuf.UInt32Value":
      return { value: 1 + random.below(100) };
    case "google.protobuf.Int64Value":
    case "google.protobuf.UInt64Value":
      return { value: BigInt(1 + random.below(100)) };
    default:
      return undefined;
  }
}

function structFields(desc: DescMessage, random: Random): Record<string, object> {
  const value = desc.fields.find(({ fieldKind }) => fieldKind === "map")?.message;
  if (!value) return {};
  const kinds = [
    { case: "numberValue", value: random.below(1000) / 4 },
    { case: "stringValue", value: `text ${random.below(1000)}` },
    { case: "boolValue", value: random.chance(0.5) },
  ];
  return Object.fromEntries(
    kinds
      .filter(() => random.chance(0.7))
      .map((kind, index) => [`key_${index}`, create(value, { kind } as never)]),
  );
}
