// Where a path such as `credits.role` leads: from the resource through fields, lists, maps and Structs.
// Knows descriptors and which table has which field, but neither operators nor SQL.

import type { DescField, DescMessage, ScalarType } from "@bufbuild/protobuf";
import type { ResourcePlan, TablePlan } from "../../schema/plan.ts";
import { HIDDEN, isRedacted } from "../../schema/redaction.ts";
import { SCALARS } from "../../schema/types/all-kinds.ts";
import type { Segment } from "./ast.ts";
import { excerpt, filterError } from "./filter-error.ts";
import { describeLeaf, JSON_VALUE, type Shape, shapeOf } from "./kinds.ts";

/** One step of a path, from a message to what is in it. */
export type Step =
  | { readonly kind: "field"; readonly field: DescField }
  /** Any element of a list, any value of a map. */
  | { readonly kind: "item" }
  | { readonly kind: "key"; readonly key: string }
  /** A member of a Struct, or of a Value that is an object. */
  | { readonly kind: "member"; readonly name: string };

/** Where a path has led to so far. */
export interface Place {
  readonly shape: Shape;
  readonly steps: readonly Step[];
  /** The table that the message at this place is a row of. */
  readonly plan: TablePlan | undefined;
  /** True if the place is in a list, so that there may be several of it. */
  readonly repeated: boolean;
  /** The field that the path last went through. */
  readonly field: DescField | undefined;
  /** True within a redacted field: errors show nothing of what is written about it. */
  readonly isHidden: boolean;
}

/** Where a path leads, and as much of it as an error may show. */
export interface FollowedPath {
  readonly place: Place;
  readonly shown: string;
}

/**
 * Where a path leads from a resource.
 * @throws StoreError INVALID_FIELD, for `filter`, if it leads nowhere.
 */
export function followPath(
  plan: ResourcePlan,
  path: readonly Segment[],
  text: string,
): FollowedPath {
  const shape: Shape = { shape: "message", desc: plan.desc };
  const start = { shape, steps: [], plan, repeated: false, field: undefined, isHidden: false };
  let place: Place = start;
  const shown: string[] = [];
  for (const segment of path) {
    shown.push(place.isHidden ? HIDDEN : segment.text);
    place = follow(place, segment, text);
  }
  return { place, shown: shown.join(".") };
}

function follow(place: Place, segment: Segment, text: string): Place {
  const { shape } = place;
  const name = place.isHidden ? HIDDEN : excerpt(segment.text);
  switch (shape.shape) {
    case "list":
      return follow(enterList(place, shape.item), segment, text);
    case "map": {
      const key = readMapKey(shape.key, segment.text);
      if (key === undefined) {
        throw filterError(text, segment.offset, `${name} is no key of ${place.field?.name}`);
      }
      return advance(place, shape.value, { kind: "key", key });
    }
    case "struct":
      return followMember(place, segment, text);
    case "message":
      return followField(place, shape.desc, segment, text);
    case "leaf":
      if (shape.leaf.kind === "value") return followMember(place, segment, text);
  }
  const what =
    shape.shape === "leaf" ? describeLeaf(shape.leaf) : "a message that is not looked into";
  const reason = `${name}: ${place.field?.name} is ${what} and has no fields`;
  throw filterError(text, segment.offset, reason);
}

function followMember(place: Place, segment: Segment, text: string): Place {
  const isInner = place.steps.at(-1)?.kind === "member";
  if (!isInner && segment.text === EXACT_BYTES) {
    throw filterError(text, segment.offset, `a member ${EXACT_BYTES} is not looked into`);
  }
  return advance(place, JSON_VALUE, { kind: "member", name: segment.text });
}

/** The key of a message that is kept as bytes for want of an exact JSON form (docs/storage.md). */
export const EXACT_BYTES = "$wire";

function followField(place: Place, desc: DescMessage, segment: Segment, text: string): Place {
  const field = desc.fields.find(({ name }) => name === segment.text);
  if (!field || segment.quoted) {
    const named = desc.fields.find(({ jsonName }) => jsonName === segment.text);
    const hint = named ? `; it is written ${named.name}` : "";
    const shown = place.isHidden ? HIDDEN : excerpt(segment.text);
    const reason = `${desc.name} has no field ${shown}${hint}`;
    throw filterError(text, segment.offset, reason);
  }
  const next = advance(place, shapeInTable(place.plan, field), { kind: "field", field });
  const child = (place.plan as ResourcePlan | undefined)?.children?.find(
    (candidate) => candidate.field === field,
  );
  return { ...next, field, plan: child, isHidden: place.isHidden || isRedacted(field) };
}

/**
 * The shape of a field of a message that is a row of `plan`, or of none: some strings are more than
 * strings to the table that they are in.
 */
export function shapeInTable(plan: TablePlan | undefined, field: DescField): Shape {
  const column = plan?.columns.find((candidate) => candidate.field === field);
  if (column?.reference) {
    const { reference: resource } = column;
    return { shape: "leaf", leaf: { kind: "reference", resource, own: false } };
  }
  const { standard, resource } = (plan ?? {}) as Partial<ResourcePlan>;
  if (resource && field === standard?.name) {
    return { shape: "leaf", leaf: { kind: "reference", resource, own: true } };
  }
  if (field === standard?.etag) return { shape: "leaf", leaf: { kind: "etag" } };
  return shapeOf(field);
}

function advance(place: Place, shape: Shape, step: Step): Place {
  const { repeated, field, isHidden } = place;
  return { shape, steps: [...place.steps, step], plan: undefined, repeated, field, isHidden };
}

/** The rows of a child table are a list too: the table stays known. */
export function enterList(place: Place, item: Shape): Place {
  return { ...advance(place, item, { kind: "item" }), plan: place.plan, repeated: true };
}

/** The key as JSON has it; undefined if it is none of this type. */
export function readMapKey(type: ScalarType, text: string): string | undefined {
  return SCALARS[type].key?.isWritten(text) ? text : undefined;
}
