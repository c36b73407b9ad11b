// The check of what a client sends against the ranges of the types in it (types/). What a type has of
// them is found out once, so that messages are not searched for what cannot be in them.

import { type DescField, type DescMessage, type Message, ScalarType } from "@bufbuild/protobuf";
import { type FieldViolation, StoreError } from "../errors.ts";
import { accessOf, type FieldAccess } from "./access.ts";
import type { MessageKind } from "./types/kind.ts";
import { isWellKnown, messageKind } from "./types/list.ts";

/** A part of a message, as a mask selects it (query/field-mask/selection.ts). */
export interface Part {
  readonly isWhole: boolean;
  readonly each: Part;
  fields(desc: DescMessage): readonly (readonly [DescField, Part])[];
}

/**
 * Refuses a message with a value that is out of the range of its type, at any depth; only `part` of
 * it is looked at, if there is one.
 * @throws StoreError INVALID_FIELD with a violation for each of them, under `path`.
 */
export function checkRanges(desc: DescMessage, message: Message, path: string, part?: Part): void {
  const violations: FieldViolation[] = [];
  collect(desc, message, part, path, violations);
  const [first] = violations;
  if (!first) return;
  throw new StoreError("INVALID_FIELD", `${first.field}: ${first.description}`, {
    fields: violations,
  });
}

/** A field with messages that have a range, or that have such fields. */
interface Ranged {
  readonly field: DescField;
  readonly access: FieldAccess;
  readonly type: DescMessage;
  readonly outOfRange: MessageKind["outOfRange"];
}

const rangedOfTypes = new WeakMap<DescMessage, readonly Ranged[]>();

function rangedFields(desc: DescMessage): readonly Ranged[] {
  let found = rangedOfTypes.get(desc);
  if (!found) {
    found = desc.fields.flatMap((field) => {
      const type = field.message;
      if (!type || !reachesRange(type)) return [];
      const outOfRange = messageKind(type)?.outOfRange;
      return [{ field, access: accessOf(field), type, outOfRange }];
    });
    rangedOfTypes.set(desc, found);
  }
  return found;
}

function reachesRange(desc: DescMessage): boolean {
  const types = new Set([desc]);
  // A set also iterates over what is added to it on the way.
  for (const each of types) {
    if (messageKind(each)?.outOfRange) return true;
    if (isWellKnown(each)) continue;
    for (const { message } of each.fields) if (message) types.add(message);
  }
  return false;
}

function collect(
  desc: DescMessage,
  message: Message,
  part: Part | undefined,
  path: string,
  violations: FieldViolation[],
): void {
  const ranged = rangedFields(desc);
  if (ranged.length === 0) return;
  const chosen = part && !part.isWhole ? new Map(part.fields(desc)) : undefined;
  for (const { field, access, type, outOfRange } of ranged) {
    const inside = chosen?.get(field);
    if (chosen && !inside) continue;
    const value = access.get(message);
    if (value === undefined) continue;
    const visit = (item: Message, suffix: string, part?: Part) => {
      const at = `${path}.${field.name}${suffix}`;
      const description = outOfRange?.(item);
      if (description !== undefined) violations.push({ field: at, description });
      else collect(type, item, part, at, violations);
    };
    if (field.fieldKind === "list") {
      for (const [index, item] of (value as readonly Message[]).entries()) {
        visit(item, `[${index}]`, inside && !inside.isWhole ? inside.each : undefined);
      }
    } else if (field.fieldKind === "map") {
      for (const [key, item] of Object.entries(value as Readonly<Record<string, Message>>)) {
        visit(item, `[${field.mapKey === ScalarType.STRING ? JSON.stringify(key) : key}]`);
      }
    } else visit(value as Message, "", inside);
  }
}
