// Update masks (AIP-134, AIP-161): which parts of a resource an Update changes, and the change itself.
// Pure: works on messages in memory. Unknown fields of what is not replaced are kept.

import { clone, type DescField, type Message } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { FieldBehavior } from "../schema/options.ts";
import type { ResourcePlan } from "../schema/plan.ts";
import { isField } from "./field-mask/behaviors.ts";
import { mergeMessage } from "./field-mask/merge.ts";
import { namesEverything, resolvePath } from "./field-mask/path.ts";
import { checkChange } from "./field-mask/rules.ts";
import { Selection, type Step } from "./field-mask/selection.ts";

const MASK_FIELD = "update_mask";

/** What an Update changes. */
export interface Mask {
  readonly selection: Selection;
  /** True if the unknown fields of the patch take the place of those of the resource. */
  readonly unknownFields: boolean;
}

/**
 * The mask that `paths` mean: if there are none, the fields that are set in `patch`; for `*`, all.
 * Fields that a client cannot change are left out.
 * @throws StoreError INVALID_FIELD if a path names no part of the resource.
 */
export function resolveMask(
  plan: ResourcePlan,
  paths: readonly string[] | undefined,
  patch: Message,
): Mask {
  if (!paths || paths.length === 0) {
    const source = reflect(plan.desc, patch);
    const populated = plan.desc.fields.filter((field) => source.isSet(field));
    const unknownFields = (source.getUnknown() ?? []).length > 0;
    return { selection: selectFields(plan, populated), unknownFields };
  }
  if (namesEverything(paths, MASK_FIELD)) {
    return { selection: selectFields(plan, plan.desc.fields), unknownFields: true };
  }
  const steps = paths.map((path) => resolvePath(plan.desc, path, MASK_FIELD));
  return {
    selection: Selection.of(steps.filter((path) => isWritable(plan, path))),
    unknownFields: false,
  };
}

function selectFields(plan: ResourcePlan, fields: readonly DescField[]): Selection {
  const paths = fields.map((field): Step[] => [{ kind: "field", field }]);
  return Selection.of(paths.filter((path) => isWritable(plan, path)));
}

/** The name only finds the resource, the etag only guards it. */
function isWritable({ standard }: ResourcePlan, path: readonly Step[]): boolean {
  const fields = path.flatMap((step) => (step.kind === "field" ? [step.field] : []));
  const [first] = fields;
  if (!first || Object.values(standard).includes(first)) return false;
  if (isField(first, FieldBehavior.IDENTIFIER)) return false;
  return !fields.some((field) => isField(field, FieldBehavior.OUTPUT_ONLY));
}

/**
 * The fields that the mask takes as a whole: the REQUIRED ones of them must be set in the patch. What
 * else must be there cannot be told without the resource; applyMask does.
 */
export function requiredFields(plan: ResourcePlan, mask: Mask): readonly DescField[] {
  const selected = mask.selection.fields(plan.desc);
  return selected.flatMap(([field, selection]) => (selection.isWhole ? [field] : []));
}

/**
 * A copy of `current` with what the mask selects as it is in `patch`, or cleared if it is not set
 * there. The messages are of the plan's type; the copy shares nothing with them. `patch` is as
 * clearOutputOnly leaves it.
 * @throws StoreError INVALID_FIELD, under `path`, if an IMMUTABLE field would change, a REQUIRED one
 * would be empty, or a list has not the elements that a wildcard needs.
 */
export function applyMask(
  plan: ResourcePlan,
  current: Message,
  patch: Message,
  mask: Mask,
  path: string,
): Message {
  const target = reflect(plan.desc, clone(plan.desc, current));
  const source = reflect(plan.desc, clone(plan.desc, patch));
  mergeMessage(plan, target, source, mask.selection, path);
  if (mask.unknownFields) target.setUnknown(source.getUnknown() ?? []);
  checkChange(plan, reflect(plan.desc, current), target, mask.selection, path);
  return target.message;
}
