// What a change must not do (AIP-203): leave a selected REQUIRED field empty, or change an IMMUTABLE
// field that is set. Judges the message that came out, and looks at nothing that is not selected.

import type { DescField } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { type FieldViolation, refuseFields } from "../../errors.ts";
import { FieldBehavior } from "../../schema/options.ts";
import type { ResourcePlan } from "../../schema/plan.ts";
import { pathOfField, pathWithin } from "../../schema/redaction.ts";
import { canonicalBytes } from "../canonical.ts";
import { isField, isOwnMessage, isWithin } from "./behaviors.ts";
import { partsOf, withPrevious } from "./parts.ts";
import type { Selection } from "./selection.ts";

/** @throws StoreError INVALID_FIELD with a violation for each field, under `path`. */
export function checkChange(
  plan: ResourcePlan,
  before: ReflectMessage,
  after: ReflectMessage,
  selection: Selection,
  path: string,
): void {
  const violations: FieldViolation[] = [];
  collectChanged(plan, before, after, selection, path, violations);
  collectMissing(plan, after, selection, path, violations);
  refuseFields(violations);
}

/** An IMMUTABLE field is also changed if a message that it is in is cleared; entries may go. */
function collectChanged(
  plan: ResourcePlan,
  before: ReflectMessage,
  after: ReflectMessage,
  selection: Selection,
  path: string,
  violations: FieldViolation[],
): void {
  if (!isWithin(before.desc, FieldBehavior.IMMUTABLE)) return;
  for (const [field, selected] of selection.fields(before.desc)) {
    const fieldPath = pathOfField(path, field);
    if (!before.isSet(field) || isField(field, FieldBehavior.OUTPUT_ONLY)) continue;
    if (isField(field, FieldBehavior.IMMUTABLE)) {
      if (isSame(field, before, after)) continue;
      violations.push({ field: fieldPath, description: "cannot be changed" });
    } else if (field.fieldKind === "message" && isOwnMessage(field)) {
      const [old, nested] = [before.get(field), after.get(field)];
      const inside = pathWithin(fieldPath, field, "");
      collectChanged(plan, old, nested, selected, inside, violations);
    } else {
      const previous = partsOf(plan, before, field, selected);
      for (const [part, old] of withPrevious(previous, partsOf(plan, after, field, selected))) {
        const partPath = pathWithin(fieldPath, field, part.suffix);
        if (old) collectChanged(plan, old, part.message, part.selection, partPath, violations);
      }
    }
  }
}

function collectMissing(
  plan: ResourcePlan,
  after: ReflectMessage,
  selection: Selection,
  path: string,
  violations: FieldViolation[],
): void {
  if (!isWithin(after.desc, FieldBehavior.REQUIRED)) return;
  for (const [field, selected] of selection.fields(after.desc)) {
    const fieldPath = pathOfField(path, field);
    if (isField(field, FieldBehavior.OUTPUT_ONLY)) continue;
    if (after.isSet(field)) {
      for (const { suffix, message, selection: rest } of partsOf(plan, after, field, selected)) {
        const partPath = pathWithin(fieldPath, field, suffix);
        collectMissing(plan, message, rest, partPath, violations);
      }
    } else if (selected.isWhole && isField(field, FieldBehavior.REQUIRED)) {
      violations.push({ field: fieldPath, description: "is required" });
    }
  }
}

function isSame(field: DescField, a: ReflectMessage, b: ReflectMessage): boolean {
  return Buffer.compare(bytesOf(field, a), bytesOf(field, b)) === 0;
}

function bytesOf(field: DescField, message: ReflectMessage): Uint8Array {
  const only = reflect(message.desc);
  if (message.isSet(field)) only.set(field, message.get(field));
  return canonicalBytes(message.desc, only.message);
}
