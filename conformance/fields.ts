// Picks fields of resources for laws: those that a client may change, and the scalar values in them.
// Makes no calls.

import { create, type DescField, type Message, ScalarType } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { FeatureSet_FieldPresence } from "@bufbuild/protobuf/wkt";
import type { ResourceClient } from "./client.ts";
import { behaves, FieldBehavior, isWritable, type Resource, referenceOf } from "./discover.ts";
import { copyValue } from "./random.ts";

const { IMPLICIT } = FeatureSet_FieldPresence;

/** The fields that a client may change and for which there are values. */
export function changeableFields({ resource, maker }: ResourceClient): readonly DescField[] {
  return resource.desc.fields.filter(
    (field) =>
      isWritable(resource, field) &&
      !behaves(field, FieldBehavior.IMMUTABLE) &&
      reflect(resource.desc, maker.makeField(field)).isSet(field),
  );
}

/** The REQUIRED fields that a client sets. */
export function requiredFields(resource: Resource): readonly DescField[] {
  return resource.desc.fields.filter(
    (field) => isWritable(resource, field) && behaves(field, FieldBehavior.REQUIRED),
  );
}

/** True for what the server alone decides: OUTPUT_ONLY fields and the etag. */
export function isServers({ etag }: Resource): (field: DescField) => boolean {
  return (field) => field === etag || behaves(field, FieldBehavior.OUTPUT_ONLY);
}

/** True for the name too: what differs between two resources of the same content. */
export function isIdentity(resource: Resource): (field: DescField) => boolean {
  const servers = isServers(resource);
  return (field) => field === resource.name || servers(field);
}

/** A copy of a resource in which one field is as in `source`. */
export function withField(
  { desc }: Resource,
  message: Message,
  source: Message,
  field: DescField,
): Message {
  const copy = copyOf({ desc }, message);
  copyValue(reflect(desc, source), field, reflect(desc, copy));
  return copy;
}

/** A copy of a resource in which one field is not set. */
export function withoutField({ desc }: Resource, message: Message, field: DescField): Message {
  const copy = copyOf({ desc }, message);
  reflect(desc, copy).clear(field);
  return copy;
}

/** A copy of a resource. */
export function copyOf({ desc }: Pick<Resource, "desc">, message: Message): Message {
  const [source, target] = [reflect(desc, message), reflect(desc, create(desc))];
  for (const field of desc.fields) copyValue(source, field, target);
  return target.message;
}

/** A value that can be compared and written in a filter. */
export type Value = string | number | bigint | boolean;

/** A scalar of a resource, or of a message in it, as filters and orders name it. */
export interface ScalarPath {
  /** For example `loyalty.points`. */
  readonly path: string;
  readonly field: DescField;
  /** True if the field can be absent, itself or a message around it. */
  readonly hasPresence: boolean;
  /** The value in a resource; undefined if it is absent. */
  valueIn(message: Message): Value | undefined;
  /** The value as a literal of a filter. */
  literal(value: Value): string;
}

/**
 * The scalars of a resource to which filter and order apply alike on every service. Its name is none:
 * services compare names by the ids in them, or not at all.
 */
export function scalarPaths(resource: Resource): readonly ScalarPath[] {
  const nested = resource.desc.fields.flatMap((outer) => {
    const { message } = outer;
    if (outer.fieldKind !== "message" || !message || message.typeName.startsWith("google.")) {
      return [];
    }
    return message.fields.flatMap((inner) => scalarPath(resource, [outer, inner]));
  });
  const own = resource.desc.fields.filter((field) => field !== resource.name);
  return [...own.flatMap((field) => scalarPath(resource, [field])), ...nested];
}

function scalarPath(
  { desc }: Resource,
  fields: readonly [DescField, ...DescField[]],
): readonly ScalarPath[] {
  const field = fields.at(-1) as DescField;
  const read = readerOf(field);
  if (!read || referenceOf(field) !== undefined || field.name === "etag") return [];
  return [
    {
      path: fields.map(({ name }) => name).join("."),
      field,
      hasPresence: fields.some(({ presence }) => presence !== IMPLICIT),
      valueIn(message) {
        let holder: ReflectMessage = reflect(desc, message);
        for (const outer of fields.slice(0, -1)) {
          if (!holder.isSet(outer)) return undefined;
          holder = holder.get(outer as never) as ReflectMessage;
        }
        const isAbsent = field.presence !== IMPLICIT && !holder.isSet(field);
        return isAbsent ? undefined : read(holder);
      },
      literal: (value) => literalOf(field, value),
    },
  ];
}

function readerOf(field: DescField): ((holder: ReflectMessage) => Value) | undefined {
  if (field.fieldKind === "enum") return (holder) => holder.get(field) as number;
  if (field.fieldKind === "scalar" && field.scalar !== ScalarType.BYTES) {
    return (holder) => holder.get(field) as Value;
  }
  const type = field.fieldKind === "message" ? field.message.typeName : "";
  if (type !== "google.protobuf.Timestamp" && type !== "google.protobuf.Duration") return undefined;
  return (holder) => {
    const { message } = holder.get(field as never) as ReflectMessage;
    const { seconds, nanos } = message as Message & { seconds: bigint; nanos: number };
    return seconds * 1_000_000_000n + BigInt(nanos);
  };
}

function literalOf(field: DescField, value: Value): string {
  if (field.enum) {
    return field.enum.values.find(({ number }) => number === value)?.name ?? String(value);
  }
  if (typeof value === "string") return quoted(value);
  if (typeof value !== "bigint" || !field.message) return String(value);
  const nanos = String(value % 1_000_000_000n).padStart(9, "0");
  if (field.message.typeName === "google.protobuf.Duration") {
    return `${value / 1_000_000_000n}.${nanos}s`;
  }
  const seconds = new Date(Number(value / 1_000_000_000n) * 1000).toISOString().slice(0, 19);
  return `"${seconds}.${nanos}Z"`;
}

/** A text as a string of a filter. */
export function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}

/** Which of two values comes first; texts by their bytes in UTF-8. */
export function compareValues(a: Value, b: Value): number {
  if (typeof a === "string" && typeof b === "string") {
    return Buffer.compare(Buffer.from(a), Buffer.from(b));
  }
  return a < b ? -1 : a > b ? 1 : 0;
}
