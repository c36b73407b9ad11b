// Which behaviors (AIP-203) the fields of a message have, at any depth. Read from the options once:
// that takes longer than all the rest of an update.

import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { FieldBehavior, hasBehavior } from "../../schema/options.ts";
import { messagesIn } from "../../schema/registry.ts";
import { isWellKnown } from "../../schema/types/all-kinds.ts";

const KINDS = [
  FieldBehavior.OUTPUT_ONLY,
  FieldBehavior.IMMUTABLE,
  FieldBehavior.REQUIRED,
  FieldBehavior.IDENTIFIER,
] as const;

/** A behavior that masks have to do with. */
export type MaskBehavior = (typeof KINDS)[number];

type Behaviors = ReadonlySet<FieldBehavior>;

const withinMessages = new WeakMap<DescMessage, Behaviors>();

/** True if the field has the behavior. */
export function isField(field: DescField, behavior: MaskBehavior): boolean {
  return hasBehavior(field, behavior);
}

/** True if a field of such a message, or of a message in it, has the behavior. */
export function isWithin(desc: DescMessage, behavior: MaskBehavior): boolean {
  let found = withinMessages.get(desc);
  if (!found) {
    const fields = [...messagesIn(desc)].flatMap((message) => message.fields);
    found = new Set(
      fields.flatMap((field) => KINDS.filter((behavior) => hasBehavior(field, behavior))),
    );
    withinMessages.set(desc, found);
  }
  return found.has(behavior);
}

/** True if the field holds messages with fields of their own, which well-known types have not. */
export function isOwnMessage(field: DescField): field is DescField & { message: DescMessage } {
  return Boolean(field.message && !isWellKnown(field.message));
}
