// Which messages have a ProtoJSON form of their own (https://protobuf.dev/programming-guides/json/).
// All others are written as objects of their fields.

import type { DescMessage } from "@bufbuild/protobuf";

const SPECIAL = new Set([
  "google.protobuf.Any",
  "google.protobuf.BoolValue",
  "google.protobuf.BytesValue",
  "google.protobuf.DoubleValue",
  "google.protobuf.Duration",
  "google.protobuf.FieldMask",
  "google.protobuf.FloatValue",
  "google.protobuf.Int32Value",
  "google.protobuf.Int64Value",
  "google.protobuf.ListValue",
  "google.protobuf.StringValue",
  "google.protobuf.Struct",
  "google.protobuf.Timestamp",
  "google.protobuf.UInt32Value",
  "google.protobuf.UInt64Value",
  "google.protobuf.Value",
]);

/** True if the message is not written as a JSON object of its fields. */
export function hasSpecialJson(desc: DescMessage): boolean {
  return SPECIAL.has(desc.typeName);
}
