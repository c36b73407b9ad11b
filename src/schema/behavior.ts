// google.api.field_behavior (AIP-203) of what a client sends: REQUIRED must be there, OUTPUT_ONLY is
// not its to set, IMMUTABLE stays. Pure; knows no rows.

import type { DescField, DescMessage, Message } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { type FieldViolation, StoreError } from "../errors.ts";
import { FieldBehavior, hasBehavior } from "./options.ts";
import type { ResourcePlan } from "./plan.ts";

/** Clears the OUTPUT_ONLY fields of `message` and of the messages in it (AIP-203: ignored). */
export function clearOutputOnly(desc: DescMessage, message: Message): void {
  walk(reflect(desc, message), (target, field) => {
    if (hasBehavior(field, FieldBehavior.OUTPUT_ONLY)) target.clear(field);
  });
}

/** Stores the default of each column whose field is zero. */
export function applyDefaults(plan: ResourcePlan, message: Message): void {
  const target = reflect(plan.desc, message);
  for (const { field, defaultValue } of plan.columns) {
    if (defaultValue !== 0n && !target.isSet(field)) target.set(field, Number(defaultValue));
  }
}

/**
 * Refuses a message that lacks a REQUIRED field; of the top level only `fields` are looked at.
 * @throws StoreError INVALID_FIELD with a violation for each of them, under `path`.
 */
export function checkRequired(
  desc: DescMessage,
  message: Message,
  path: string,
  fields: readonly DescField[] = desc.fields,
): void {
  const violations: FieldViolation[] = [];
  const root = reflect(desc, message);
  collectMissing(root, fields, path, violations);
  const [first] = violations;
  if (!first) return;
  throw new StoreError("INVALID_FIELD", `${first.field}: ${first.description}`, {
    fields: violations,
  });
}

function collectMissing(
  message: ReflectMessage,
  fields: readonly DescField[],
  path: string,
  violations: FieldViolation[],
): void {
  for (const field of fields) {
    const fieldPath = `${path}.${field.name}`;
    if (message.isSet(field)) {
      for (const [suffix, nested] of nestedMessages(message, field)) {
        collectMissing(nested, nested.fields, fieldPath + suffix, violations);
      }
    } else if (hasBehavior(field, FieldBehavior.REQUIRED)) {
      violations.push({ field: fieldPath, description: "is required" });
    }
  }
}

function walk(
  message: ReflectMessage,
  visit: (message: ReflectMessage, field: DescField) => void,
): void {
  for (const field of message.fields) {
    visit(message, field);
    if (!message.isSet(field)) continue;
    for (const [, nested] of nestedMessages(message, field)) walk(nested, visit);
  }
}

/** The messages directly in a field that is set, each with the rest of its path. */
function nestedMessages(message: ReflectMessage, field: DescField): [string, ReflectMessage][] {
  if (!field.message || field.message.typeName.startsWith("google.protobuf.")) return [];
  switch (field.fieldKind) {
    case "message":
      return [["", message.get(field)]];
    case "list":
      return [...message.get(field)].map((item, i) => [`[${i}]`, item as ReflectMessage]);
    case "map":
      return [...message.get(field)].map(([key, value]) => [
        typeof key === "string" ? `[${JSON.stringify(key)}]` : `[${key}]`,
        value as ReflectMessage,
      ]);
    default:
      return [];
  }
}
