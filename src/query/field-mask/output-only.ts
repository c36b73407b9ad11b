// A message that takes the place of another keeps the OUTPUT_ONLY fields of that one (AIP-203): they
// are not the client's to change, at whatever depth. Elements of lists have nothing to be known by,
// unless they are child rows.

import type { DescField } from "@bufbuild/protobuf";
import type { ReflectMessage } from "@bufbuild/protobuf/reflect";
import { FieldBehavior } from "../../schema/options.ts";
import type { ResourcePlan } from "../../schema/plan.ts";
import { isField, isOwnMessage, isWithin } from "./behaviors.ts";
import { partsOf, withPrevious } from "./parts.ts";

/** Gives the messages in this field of `after` the OUTPUT_ONLY fields of those in `before`. */
export function keepInField(
  plan: ResourcePlan,
  field: DescField,
  before: ReflectMessage,
  after: ReflectMessage,
): void {
  if (!isOwnMessage(field) || !isWithin(field.message, FieldBehavior.OUTPUT_ONLY)) return;
  const parts = partsOf(plan, after, field);
  for (const [{ message }, previous] of withPrevious(partsOf(plan, before, field), parts)) {
    if (previous) keepInMessage(plan, previous, message);
  }
}

/** Gives the message the OUTPUT_ONLY fields of the one that it takes the place of. */
export function keepInMessage(
  plan: ResourcePlan,
  before: ReflectMessage,
  after: ReflectMessage,
): void {
  for (const field of after.fields) {
    if (!isField(field, FieldBehavior.OUTPUT_ONLY)) keepInField(plan, field, before, after);
    else if (!before.isSet(field)) after.clear(field);
    // An arm that the client has set is not displaced.
    else if (!field.oneof || !after.oneofCase(field.oneof)) after.set(field, before.get(field));
  }
}
