// The order of messages in memory, as docs/filtering.md has it: shares nothing with the SQL.

import { type DescField, ScalarType } from "@bufbuild/protobuf";
import type { ReflectMessage } from "@bufbuild/protobuf/reflect";
import { FeatureSet_FieldPresence } from "@bufbuild/protobuf/wkt";
import { columnOf, referenceOf } from "../../../src/schema/options.ts";
import { EVERYTHING_REGISTRY } from "../../support/everything.ts";
import { jsonOf } from "../filter/evaluator.ts";

/** What a message is sorted by: undefined is no value, which is less than all. */
type SortKey = bigint | number | Buffer | undefined;

/** Compares by the fields of an order_by and then by name, in the direction of the last field. */
export function compareMessages(orderBy: string): (a: ReflectMessage, b: ReflectMessage) => number {
  const fields =
    orderBy.trim() === "" ? [] : orderBy.split(",").map((item) => item.trim().split(/\s+/));
  const terms = fields.map(([path = "", direction]) => ({
    path: path.split("."),
    sign: direction === "desc" ? -1 : 1,
  }));
  terms.push({ path: ["name"], sign: terms.at(-1)?.sign ?? 1 });
  return (a, b) => {
    for (const { path, sign } of terms) {
      const order = compareKeys(keyOf(a, path), keyOf(b, path));
      if (order !== 0) return order * sign;
    }
    return 0;
  };
}

function compareKeys(a: SortKey, b: SortKey): number {
  if (a === undefined || b === undefined) return Number(b === undefined) - Number(a === undefined);
  if (Buffer.isBuffer(a)) return Buffer.compare(a, b as Buffer);
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
  return a < (b as bigint) ? -1 : a > (b as bigint) ? 1 : 0;
}

const NANOS = 1_000_000_000n;

function keyOf(message: ReflectMessage, [name, ...rest]: string[]): SortKey {
  const field = message.desc.fields.find((candidate) => candidate.name === name) as DescField;
  if (field.presence !== FeatureSet_FieldPresence.IMPLICIT && !message.isSet(field))
    return undefined;
  const value = message.get(field as never) as unknown;
  if (rest.length > 0) return keyOf(value as ReflectMessage, rest);
  if (!field.message) return scalarKey(value, field);
  const parts = (value as ReflectMessage).message as unknown as Record<string, bigint>;
  const [seconds, nanos, units] = [parts.seconds, parts.nanos, parts.units].map((part) =>
    BigInt(part ?? 0),
  ) as [bigint, bigint, bigint];
  // What has no exact JSON form is stored as bytes and has no place in an order.
  const isExact = jsonOf(value as ReflectMessage, EVERYTHING_REGISTRY) !== undefined;
  switch (field.message.typeName) {
    case "google.protobuf.Timestamp":
    case "google.protobuf.Duration":
      return isExact || columnOf(field) ? seconds * NANOS + nanos : undefined;
    case "google.type.Money": {
      const isValid = nanos > -NANOS && nanos < NANOS && units * nanos >= 0n;
      return isValid ? units * NANOS + nanos : undefined;
    }
    case "google.type.Date":
      return (
        (BigInt(parts.year ?? 0) << 80n) +
        (BigInt(parts.month ?? 0) << 40n) +
        BigInt(parts.day ?? 0)
      );
    default: {
      const inner = field.message.fields[0] as DescField;
      const wrapped = (value as ReflectMessage).get(inner as never) as unknown;
      return isExact ? scalarKey(wrapped, inner) : undefined;
    }
  }
}

function scalarKey(value: unknown, field: DescField): SortKey {
  if (referenceOf(field)) {
    return value === "" ? undefined : BigInt((value as string).split("/")[1] as string);
  }
  if (field.name === "name") return BigInt((value as string).split("/")[1] as string);
  if (field.name === "etag") return BigInt((value as string).slice(1, -1));
  if (field.scalar === ScalarType.STRING) return Buffer.from(value as string);
  return typeof value === "boolean" ? Number(value) : (value as bigint | number);
}
