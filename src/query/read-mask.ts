// Read masks and views (AIP-157): which parts of a resource an answer has.
// Pure: works on messages in memory. Unknown fields of the resource go only with all of it.

import { type DescField, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { type ReflectMap, type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import type { ResourcePlan } from "../schema/plan.ts";
import { isStruct, membersOf, setMember, structOf } from "./field-mask/members.ts";
import { namesEverything, resolvePath } from "./field-mask/path.ts";
import { type MapKey, Selection } from "./field-mask/selection.ts";

const MASK_FIELD = "read_mask";

/** What of a resource is read. */
export interface ReadMask {
  readonly selection: Selection;
  /** True if the message is read as it is: its bytes need not be taken apart. */
  readonly isEverything: boolean;
}

const EVERYTHING: ReadMask = { selection: Selection.WHOLE, isEverything: true };

/**
 * The mask that `paths` mean: everything if there are none, or for `*`.
 * @throws StoreError INVALID_FIELD if a path names no part of the resource.
 */
export function resolveReadMask(
  plan: ResourcePlan,
  paths: readonly string[] | undefined,
): ReadMask {
  if (!paths || paths.length === 0 || namesEverything(paths, MASK_FIELD)) return EVERYTHING;
  const steps = paths.map((path) => resolvePath(plan.desc, path, MASK_FIELD));
  return { selection: Selection.of(steps), isEverything: false };
}

/** True if the mask selects something of a field of the resource's message, or of a child message. */
export function needsField(
  { desc, children }: ResourcePlan,
  { selection }: ReadMask,
  field: DescField,
): boolean {
  const child = children.find((candidate) => candidate.desc === field.parent);
  const top = child ? child.field : field;
  const selected = selection.fields(desc).find(([candidate]) => candidate === top)?.[1];
  if (!selected || !child) return selected !== undefined;
  return selected.each.fields(child.desc).some(([candidate]) => candidate === field);
}

/** The paths of a BASIC view: the standard fields and those that have columns. */
export function basicPaths({ standard, columns }: ResourcePlan): readonly string[] {
  return [...Object.values(standard), ...columns.map(({ field }) => field)].map(({ name }) => name);
}

/** Cuts the bytes of a message; those of everything are passed through untouched. */
export function cutBytes(plan: ResourcePlan, bytes: Uint8Array, mask: ReadMask): Uint8Array {
  if (mask.isEverything) return bytes;
  return toBinary(plan.desc, applyReadMask(plan, fromBinary(plan.desc, bytes), mask));
}

/** What the mask selects of the message; it shares with the message what is there as a whole. */
export function applyReadMask(plan: ResourcePlan, message: Message, mask: ReadMask): Message {
  if (mask.isEverything) return message;
  return project(reflect(plan.desc, message), mask.selection).message;
}

/** Messages on the way are there if they are set, and lists have as many elements as they have. */
function project(source: ReflectMessage, selection: Selection): ReflectMessage {
  if (selection.isWhole) return source;
  if (isStruct(source)) return projectStruct(source, selection);
  const target = reflect(source.desc);
  for (const [field, selected] of selection.fields(source.desc)) {
    if (source.isSet(field)) projectField(target, source, field, selected);
  }
  return target;
}

function projectField(
  target: ReflectMessage,
  source: ReflectMessage,
  field: DescField,
  selection: Selection,
): void {
  if (selection.isWhole) {
    target.set(field, source.get(field));
    return;
  }
  switch (field.fieldKind) {
    case "message":
      target.set(field, project(source.get(field), selection));
      return;
    case "list": {
      const list = target.get(field);
      for (const element of source.get(field)) {
        list.add(project(element as ReflectMessage, selection.each));
      }
      return;
    }
    case "map": {
      const map = target.get(field);
      for (const [key, entry] of source.get(field) as ReflectMap<MapKey>) {
        const selected = selection.entry(key);
        if (selected)
          map.set(key, selected.isWhole ? entry : project(entry as ReflectMessage, selected));
      }
    }
  }
}

/** A member that the path goes on below is there only if it has members itself. */
function projectStruct(source: ReflectMessage, selection: Selection): ReflectMessage {
  const target = reflect(source.desc);
  for (const [key, value] of membersOf(source)) {
    const selected = selection.entry(key);
    const struct = structOf(value);
    if (selected?.isWhole) membersOf(target).set(key, value);
    else if (selected && struct) setMember(target, key, projectStruct(struct, selected));
  }
  return target;
}
