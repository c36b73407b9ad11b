// Takes what a selection selects from one message to another. Changes nothing else: what is not
// selected stays, unknown fields included.

import type { DescField } from "@bufbuild/protobuf";
import {
  type ReflectList,
  type ReflectMap,
  type ReflectMessage,
  reflect,
} from "@bufbuild/protobuf/reflect";
import { invalidField } from "../../errors.ts";
import type { ChildPlan, ResourcePlan } from "../../schema/plan.ts";
import { isRedacted, pathOfField, pathWithin } from "../../schema/redaction.ts";
import { isOwnMessage } from "./behaviors.ts";
import { isStruct, membersOf, setMember, structOf } from "./members.ts";
import { keepInField, keepInMessage } from "./output-only.ts";
import { formatKey } from "./parts.ts";
import type { MapKey, Selection } from "./selection.ts";

type Messages = ReflectMap<MapKey, ReflectMessage>;

/**
 * Makes the selected parts of `target` those of `source`, or clears them if `source` has none. A
 * message on the way to a part is made if `source` has it. The messages share what was taken.
 * @throws StoreError INVALID_FIELD, under `path`, if lists do not match.
 */
export function mergeMessage(
  plan: ResourcePlan,
  target: ReflectMessage,
  source: ReflectMessage | undefined,
  selection: Selection,
  path: string,
): void {
  if (isStruct(target)) {
    mergeStruct(target, source, selection);
    return;
  }
  for (const [field, selected] of selection.fields(target.desc)) {
    if (selected.isWhole) replaceField(plan, target, source, field);
    else mergeField(plan, target, source, field, selected, pathOfField(path, field));
  }
}

function replaceField(
  plan: ResourcePlan,
  target: ReflectMessage,
  source: ReflectMessage | undefined,
  field: DescField,
): void {
  if (!source?.isSet(field)) {
    target.clear(field);
    return;
  }
  if (target.isSet(field)) keepInField(plan, field, target, source);
  target.set(field, source.get(field));
}

function mergeField(
  plan: ResourcePlan,
  target: ReflectMessage,
  source: ReflectMessage | undefined,
  field: DescField,
  selection: Selection,
  path: string,
): void {
  if (!source?.isSet(field) && !target.isSet(field)) return;
  switch (field.fieldKind) {
    case "list":
      mergeList(plan, target.get(field), source?.get(field), selection.each, path);
      return;
    case "map": {
      const [entries, others] = [target.get(field), source?.get(field)];
      mergeMap(plan, entries as Messages, others as Messages | undefined, selection, path);
      return;
    }
    case "message": {
      const nested = target.get(field);
      const inside = pathWithin(path, field, "");
      mergeMessage(plan, nested, source?.get(field), selection, inside);
      // Not a change in place: a Struct in a field is a copy.
      target.set(field, nested);
    }
  }
}

/** Element i of one list is taken for element i of the other, so both must have it. */
function mergeList(
  plan: ResourcePlan,
  target: ReflectList,
  source: ReflectList | undefined,
  selection: Selection,
  path: string,
): void {
  const size = source?.size ?? 0;
  if (size !== target.size) {
    throw invalidField(path, `must have ${target.size} elements, as the resource has, not ${size}`);
  }
  const listField = target.field();
  const child = plan.children.find(({ field }) => field === listField);
  for (let i = 0; i < size; i++) {
    const element = target.get(i) as ReflectMessage;
    const other = source?.get(i) as ReflectMessage;
    const key = child && element.get(child.keyField);
    const at = pathWithin(path, listField, `[${i}]`);
    if (child) checkSameRow(child, element, other, at);
    mergeMessage(plan, element, other, selection, at);
    // The key only finds the row: a mask that names it does not clear it.
    if (child) element.set(child.keyField, key);
    target.set(i, element);
  }
}

/** A list that was read before another client changed it has other rows in its places. */
function checkSameRow(
  { keyField }: ChildPlan,
  element: ReflectMessage,
  other: ReflectMessage,
  path: string,
): void {
  if (!other.isSet(keyField) || other.get(keyField) === element.get(keyField)) return;
  const key = isRedacted(keyField) ? "that of the row" : String(element.get(keyField));
  throw invalidField(pathOfField(path, keyField), `must be ${key} here, or 0`);
}

function mergeMap(
  plan: ResourcePlan,
  target: Messages,
  source: Messages | undefined,
  selection: Selection,
  path: string,
): void {
  for (const key of keysOf(target, source)) {
    const selected = selection.entry(key);
    if (!selected) continue;
    const [entry, other] = [target.get(key), source?.get(key)];
    if (selected.isWhole) {
      if (entry && other && isOwnMessage(target.field())) keepInMessage(plan, entry, other);
      replaceEntry(target, source, key);
    } else if (entry || (other && selection.names(key))) {
      const merged = entry ?? reflect((other as ReflectMessage).desc);
      const at = pathWithin(path, target.field(), `[${formatKey(key)}]`);
      mergeMessage(plan, merged, other, selected, at);
      target.set(key, merged);
    }
  }
}

function mergeStruct(
  target: ReflectMessage,
  source: ReflectMessage | undefined,
  selection: Selection,
): void {
  const [members, others] = [membersOf(target), source && membersOf(source)];
  for (const key of keysOf(members, others)) {
    const selected = selection.entry(key);
    if (!selected) continue;
    if (selected.isWhole) {
      replaceEntry(members, others, key);
      continue;
    }
    const [struct, other] = [structOf(members.get(key)), structOf(others?.get(key))];
    const merged = struct ?? (other && reflect(other.desc));
    if (!merged) continue;
    mergeStruct(merged, other, selected);
    setMember(target, key, merged);
  }
}

function replaceEntry<K extends MapKey>(
  target: ReflectMap<K, ReflectMessage>,
  source: ReflectMap<K, ReflectMessage> | undefined,
  key: K,
): void {
  if (source?.has(key)) target.set(key, source.get(key) as ReflectMessage);
  else target.delete(key);
}

/** In the order of the maps, so that the order of a mask's paths is not seen in the bytes. */
function keysOf<K>(target: ReflectMap<K>, source: ReflectMap<K> | undefined): readonly K[] {
  return [...new Set([...target.keys(), ...(source?.keys() ?? [])])];
}
