// The paths of a field mask (AIP-161): text → the steps that lead from a message to a part of it.
// Pure; what the parts may be used for is decided by field-mask.ts and read-mask.ts.

import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { invalidField } from "../../errors.ts";
import { HIDDEN, hideInPath, isRedacted } from "../../schema/redaction.ts";
import { isWellKnown, messageKind, SCALARS } from "../../schema/types/all-kinds.ts";
import { Unrepresentable } from "../../schema/types/column-codec.ts";
import type { MapKey, Step } from "./selection.ts";

/** The most that a mask may hold. */
export const MASK_LIMITS = { paths: 256, pathBytes: 1024 } as const;

/** The path that stands for the whole message. */
const EVERYTHING_PATH = "*";

/**
 * True if the only path is `*`.
 * @throws StoreError INVALID_FIELD, under `maskField`, if there are other paths beside it, or if the
 * mask is larger than a mask may be.
 */
export function namesEverything(paths: readonly string[], maskField: string): boolean {
  if (paths.length > MASK_LIMITS.paths) {
    throw invalidField(maskField, `must not have more than ${MASK_LIMITS.paths} paths`);
  }
  if (!paths.includes(EVERYTHING_PATH)) return false;
  if (paths.every((path) => path === EVERYTHING_PATH)) return true;
  throw invalidField(maskField, "* stands for all fields: no other path goes with it");
}

/**
 * The steps that the path means.
 * @throws StoreError INVALID_FIELD, under `maskField`, if it names no part of the message.
 */
export function resolvePath(desc: DescMessage, path: string, maskField: string): readonly Step[] {
  // A path that is too long is not repeated in the answer.
  if (Buffer.byteLength(path) > MASK_LIMITS.pathBytes) {
    throw invalidField(maskField, `a path must not be longer than ${MASK_LIMITS.pathBytes} bytes`);
  }
  const refuse = (reason: string) => invalidField(maskField, `${hideInPath(desc, path)} ${reason}`);
  const segments = splitPath(path);
  if (!segments) throw refuse(`is no field of ${desc.name}`);
  let place: Place = { kind: "message", desc };
  let isHidden = false;
  return segments.map((segment, index) => {
    if (isWildcard(segment) && index === segments.length - 1) {
      throw refuse("must not end in *: leave it out to mean all of it");
    }
    const step: Step | string = stepInto(place, segment, isHidden ? HIDDEN : segment.text);
    if (typeof step === "string") throw refuse(step);
    isHidden ||= step.kind === "field" && isRedacted(step.field);
    place = placeAfter(place, step);
    return step;
  });
}

interface Segment {
  readonly text: string;
  /** True if it was in backticks, so that it can only be a key. */
  readonly quoted: boolean;
}

/** A segment in backticks, where two stand for one; or a bare one; and what comes after it. */
const SEGMENT = /(?:`((?:[^`]|``)*)`|(\*|[A-Za-z0-9_]+|-[0-9]+))(\.|$)/y;

function splitPath(path: string): readonly Segment[] | undefined {
  const segments: Segment[] = [];
  for (SEGMENT.lastIndex = 0; ; ) {
    const match = SEGMENT.exec(path);
    if (!match) return undefined;
    const [, quoted, bare = "", end] = match;
    segments.push(
      quoted === undefined
        ? { text: bare, quoted: false }
        : { text: quoted.replaceAll("``", "`"), quoted: true },
    );
    if (end === "") return segments;
  }
}

function isWildcard({ text, quoted }: Segment): boolean {
  return text === "*" && !quoted;
}

/** What a segment is looked up in. */
type Place =
  | { readonly kind: "message"; readonly desc: DescMessage }
  | { readonly kind: "list" | "map"; readonly field: DescField }
  | { readonly kind: "struct" }
  | { readonly kind: "leaf" };

/** The step that the segment means there, or what is wrong with the path; `shown` is told of it. */
function stepInto(place: Place, segment: Segment, shown: string): Step | string {
  switch (place.kind) {
    case "message": {
      const field = place.desc.fields.find(({ name }) => name === segment.text);
      if (!field || segment.quoted) return `names no field of ${place.desc.name}`;
      return { kind: "field", field };
    }
    case "list":
      if (!isWildcard(segment)) return "names an element of a list: only * can, for all of them";
      return { kind: "each" };
    case "map": {
      if (isWildcard(segment)) return { kind: "each" };
      const key = readKey(place.field, segment);
      if (key === undefined) return `has ${shown} where a key of a map must be`;
      return { kind: "entry", key };
    }
    case "struct":
      if (isWildcard(segment)) return "has * in a google.protobuf.Struct, which is read by key";
      return { kind: "entry", key: segment.text };
    case "leaf":
      return `goes on with ${shown} after a field that has no fields`;
  }
}

function placeAfter(place: Place, step: Step): Place {
  if (step.kind === "field") {
    const { field } = step;
    const isCollection = field.fieldKind === "list" || field.fieldKind === "map";
    return isCollection ? { kind: field.fieldKind, field } : placeOf(field.message);
  }
  // The members of a Struct may be Structs in turn.
  return place.kind === "list" || place.kind === "map" ? placeOf(place.field.message) : place;
}

/** Well-known types have a meaning as a whole only: a wrapper is a value, not a message. */
function placeOf(desc: DescMessage | undefined): Place {
  if (!desc) return { kind: "leaf" };
  if (messageKind(desc)?.inside === "members") return { kind: "struct" };
  return isWellKnown(desc) ? { kind: "leaf" } : { kind: "message", desc };
}

/** One way to write each key, so that a path names one key and a key has one path. */
function readKey(field: DescField, { text }: Segment): MapKey | undefined {
  if (field.fieldKind !== "map") return undefined;
  try {
    return SCALARS[field.mapKey].key?.read(text) as MapKey | undefined;
  } catch (error) {
    if (error instanceof Unrepresentable) return undefined;
    throw error;
  }
}
