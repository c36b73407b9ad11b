// Fields whose contents are not told outside of the messages that have them: in no error, log or trace.
// Those are the fields with `debug_redact`, and the INPUT_ONLY ones. Hides; finds no errors.

import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { FieldBehavior, hasBehavior } from "./options.ts";

/** Stands for what is not told. */
export const HIDDEN = "…";

/** True if nothing that is in the field may be told. */
export function isRedacted(field: DescField): boolean {
  return field.proto.options?.debugRedact === true || hasBehavior(field, FieldBehavior.INPUT_ONLY);
}

/** The path of a field of the message at `path`. */
export function pathOfField(path: string, { name }: DescField): string {
  return path.endsWith(HIDDEN) ? path : `${path}.${name}`;
}

/**
 * The path of what is in a field, after the field's own: `suffix` says which element or entry it is. Of
 * a redacted field, the key of an entry may be what is not to be told.
 */
export function pathWithin(path: string, field: DescField, suffix: string): string {
  if (path.endsWith(HIDDEN)) return path;
  return isRedacted(field) ? path + HIDDEN : path + suffix;
}

/** A path as a client wrote it, up to the first redacted field and no further. */
export function hideInPath(desc: DescMessage, path: string): string {
  const names = path.split(".");
  let type: DescMessage | undefined = desc;
  for (const [index, name] of names.entries()) {
    const field: DescField | undefined = type?.fields.find((candidate) => candidate.name === name);
    if (field && isRedacted(field)) {
      const rest = index + 1 < names.length ? [HIDDEN] : [];
      return [...names.slice(0, index + 1), ...rest].join(".");
    }
    // An element, or the key of an entry, stands between two fields.
    if (field) type = field.message;
  }
  return path;
}
