// Update masks (AIP-134): which fields of a resource an Update changes, and the change itself.
// Pure: works on messages in memory. Unknown fields of the stored message are kept.

import {
  clone,
  type DescField,
  type DescMessage,
  type Message,
  toBinary,
} from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { invalidField } from "../errors.ts";
import { FieldBehavior, hasBehavior } from "../schema/options.ts";
import type { ResourcePlan } from "../schema/plan.ts";

/** A field, as the path that leads to it from the resource down. */
export type FieldPath = readonly [DescField, ...DescField[]];

/** What an Update changes. */
export interface Mask {
  readonly paths: readonly FieldPath[];
  /** True if the unknown fields of the patch take the place of those of the resource. */
  readonly unknownFields: boolean;
}

/**
 * The mask that `paths` mean: if there are none, the fields that are set in `patch`; for `*`, all.
 * Fields that a client cannot change are left out.
 * @throws StoreError INVALID_FIELD if a path names no field.
 */
export function resolveMask(
  plan: ResourcePlan,
  paths: readonly string[] | undefined,
  patch: Message,
): Mask {
  const source = reflect(plan.desc, patch);
  const writable = (selected: readonly FieldPath[]) =>
    selected.filter((path) => isWritable(plan, path));
  if (!paths || paths.length === 0) {
    const populated = plan.desc.fields.filter((field) => source.isSet(field));
    const unknownFields = (source.getUnknown() ?? []).length > 0;
    return { paths: writable(populated.map((field) => [field])), unknownFields };
  }
  if (paths.length === 1 && paths[0] === "*") {
    return { paths: writable(plan.desc.fields.map((field) => [field])), unknownFields: true };
  }
  return {
    paths: writable(paths.map((path) => resolvePath(plan.desc, path))),
    unknownFields: false,
  };
}

function resolvePath(desc: DescMessage, path: string): FieldPath {
  const fields: DescField[] = [];
  let parent: DescMessage | undefined = desc;
  for (const segment of path.split(".")) {
    const field: DescField | undefined = parent?.fields.find(({ name }) => name === segment);
    if (!field) throw invalidField("update_mask", `${path} is no field of ${desc.name}`);
    fields.push(field);
    parent = field.fieldKind === "message" ? field.message : undefined;
  }
  return fields as unknown as FieldPath;
}

/** The name only finds the resource, the etag only guards it. */
function isWritable(plan: ResourcePlan, [first, ...rest]: FieldPath): boolean {
  return (
    first !== plan.standard.name &&
    first !== plan.standard.etag &&
    ![first, ...rest].some((field) => hasBehavior(field, FieldBehavior.OUTPUT_ONLY))
  );
}

/**
 * A copy of `current` with what the mask selects as it is in `patch`, or cleared if it is not set
 * there. The messages are of the plan's type.
 * @throws StoreError INVALID_FIELD, under `path`, if an IMMUTABLE field would change.
 */
export function applyMask(
  plan: ResourcePlan,
  current: Message,
  patch: Message,
  mask: Mask,
  path: string,
): Message {
  const result = clone(plan.desc, current);
  const [target, source] = [reflect(plan.desc, result), reflect(plan.desc, patch)];
  for (const fields of mask.paths) copyField(target, source, fields, path);
  if (mask.unknownFields) target.setUnknown(source.getUnknown() ?? []);
  return result;
}

function copyField(
  target: ReflectMessage,
  source: ReflectMessage,
  [field, ...rest]: FieldPath,
  path: string,
): void {
  const fieldPath = `${path}.${field.name}`;
  const [next, ...others] = rest;
  if (next && field.fieldKind === "message") {
    if (!target.isSet(field) && !source.isSet(field)) return;
    const nested = target.get(field);
    copyField(nested, source.get(field), [next, ...others], fieldPath);
    target.set(field, nested);
    return;
  }
  const isImmutable = hasBehavior(field, FieldBehavior.IMMUTABLE) && target.isSet(field);
  const before = isImmutable ? encode(target) : undefined;
  copyValue(target, source, field);
  if (before && Buffer.compare(before, encode(target)) !== 0) {
    throw invalidField(fieldPath, "cannot be changed");
  }
}

function encode({ desc, message }: ReflectMessage): Uint8Array {
  return toBinary(desc, message);
}

function copyValue(target: ReflectMessage, source: ReflectMessage, field: DescField): void {
  target.clear(field);
  if (!source.isSet(field)) return;
  switch (field.fieldKind) {
    case "list": {
      const list = target.get(field);
      for (const item of source.get(field)) list.add(item);
      return;
    }
    case "map": {
      const map = target.get(field);
      for (const [key, value] of source.get(field)) map.set(key, value);
      return;
    }
    default:
      target.set(field, source.get(field));
  }
}
