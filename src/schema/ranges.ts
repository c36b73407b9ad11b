// The check of what a client sends against the ranges of the types in it (types/). What a type has of
// them is found out once, so that messages are not searched for what cannot be in them.

import type { DescField, DescMessage, Message } from "@bufbuild/protobuf";
import { type FieldViolation, refuseFields } from "../errors.ts";
import { accessOf, type FieldAccess } from "./access.ts";
import { forEachNested } from "./behavior.ts";
import { pathOfField, pathWithin } from "./redaction.ts";
import { messagesIn } from "./registry.ts";
import { messageKind } from "./types/all-kinds.ts";
import type { MessageKind } from "./types/kind.ts";

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
  refuseFields(violations);
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
  return [...messagesIn(desc)].some((each) => messageKind(each)?.outOfRange);
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
    const parts = partsWithin(field, inside);
    forEachNested(field, value, (item, suffix) => {
      const at = pathWithin(pathOfField(path, field), field, suffix);
      const description = outOfRange?.(item);
      if (description !== undefined) violations.push({ field: at, description });
      else collect(type, item, parts, at, violations);
    });
  }
}

/** The part of each message in the field; whole for those in a map. */
function partsWithin({ fieldKind }: DescField, part: Part | undefined): Part | undefined {
  if (!part || part.isWhole || fieldKind === "map") return undefined;
  return fieldKind === "list" ? part.each : part;
}
