// google.api.field_behavior (AIP-203) of what a client sends: REQUIRED must be there, OUTPUT_ONLY is
// not its to set, IMMUTABLE stays. Pure; knows no rows. What a type asks for is found out once, so
// that messages are not searched for what cannot be in them.

import { type DescField, type DescMessage, type Message, ScalarType } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { type FieldViolation, refuseFields } from "../errors.ts";
import { accessOf, type FieldAccess } from "./access.ts";
import { FieldBehavior, hasBehavior } from "./options.ts";
import type { ResourcePlan } from "./plan.ts";
import { pathOfField, pathWithin } from "./redaction.ts";
import { messagesIn } from "./registry.ts";
import { isWellKnown } from "./types/all-kinds.ts";

/** Clears the OUTPUT_ONLY fields of `message` and of the messages in it (AIP-203: ignored). */
export function clearOutputOnly(desc: DescMessage, message: Message): void {
  for (const { field, access, isMarked, nested } of concerned(desc, FieldBehavior.OUTPUT_ONLY)) {
    const value = access.get(message);
    if (value === undefined) continue;
    if (isMarked) reflect(desc, message).clear(field);
    else if (nested) forEachNested(field, value, (item) => clearOutputOnly(nested, item));
  }
}

/** The OUTPUT_ONLY fields of a type; undefined if there are some in the messages in it too. */
export function outputOnlyFields(desc: DescMessage): readonly DescField[] | undefined {
  const found = concerned(desc, FieldBehavior.OUTPUT_ONLY);
  return found.some(({ nested }) => nested) ? undefined : found.map(({ field }) => field);
}

/** Stores the default of each column whose field is zero. */
export function applyDefaults(plan: ResourcePlan, message: Message): void {
  for (const { field, defaultValue } of plan.columns) {
    if (defaultValue === 0n) continue;
    const access = accessOf(field);
    if (access.get(message) === undefined) access.set(message, Number(defaultValue));
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
  const all = concerned(desc, FieldBehavior.REQUIRED);
  const chosen =
    fields === desc.fields
      ? all
      : fields.flatMap((chosen) => all.filter(({ field }) => field === chosen));
  collectMissing(message, chosen, path, violations);
  refuseFields(violations);
}

function collectMissing(
  message: Message,
  fields: readonly Concerned[],
  path: string,
  violations: FieldViolation[],
): void {
  for (const { field, access, isMarked, nested } of fields) {
    const value = access.get(message);
    if (value === undefined) {
      if (isMarked) {
        violations.push({ field: pathOfField(path, field), description: "is required" });
      }
    } else if (nested) {
      const inside = concerned(nested, FieldBehavior.REQUIRED);
      forEachNested(field, value, (item, suffix) => {
        const at = pathWithin(pathOfField(path, field), field, suffix);
        collectMissing(item, inside, at, violations);
      });
    }
  }
}

/** A field that has a behavior itself, or a message with such fields in it. */
interface Concerned {
  readonly field: DescField;
  readonly access: FieldAccess;
  readonly isMarked: boolean;
  /** The type of its messages, if the behavior is in them. */
  readonly nested: DescMessage | undefined;
}

const concernedFields = new Map<FieldBehavior, WeakMap<DescMessage, readonly Concerned[]>>();

/** The fields of a type that the behavior concerns, in their order. */
function concerned(desc: DescMessage, behavior: FieldBehavior): readonly Concerned[] {
  let ofBehavior = concernedFields.get(behavior);
  if (!ofBehavior) {
    ofBehavior = new WeakMap();
    concernedFields.set(behavior, ofBehavior);
  }
  let found = ofBehavior.get(desc);
  if (!found) {
    found = desc.fields.flatMap((field) => {
      const isMarked = hasBehavior(field, behavior);
      const type = nestedType(field);
      const nested = type && reaches(type, behavior) ? type : undefined;
      return isMarked || nested ? [{ field, access: accessOf(field), isMarked, nested }] : [];
    });
    ofBehavior.set(desc, found);
  }
  return found;
}

/** True if a field of the type, or of a type in it, has the behavior. */
function reaches(desc: DescMessage, behavior: FieldBehavior): boolean {
  return [...messagesIn(desc)].some(({ fields }) =>
    fields.some((field) => hasBehavior(field, behavior)),
  );
}

/** The type of the messages in a field; those of Google's own types have no behaviors. */
function nestedType({ message }: DescField): DescMessage | undefined {
  return message && isWellKnown(message) ? undefined : message;
}

/** Calls `visit` with the messages of a field that is set, each with the rest of its path. */
export function forEachNested(
  field: DescField,
  value: unknown,
  visit: (message: Message, suffix: string) => void,
): void {
  switch (field.fieldKind) {
    case "list":
      (value as readonly Message[]).forEach((item, i) => {
        visit(item, `[${i}]`);
      });
      return;
    case "map":
      for (const [key, item] of Object.entries(value as Readonly<Record<string, Message>>)) {
        visit(item, `[${field.mapKey === ScalarType.STRING ? JSON.stringify(key) : key}]`);
      }
      return;
    case "message":
    case "enum":
    case "scalar":
      visit(value as Message, "");
  }
}
