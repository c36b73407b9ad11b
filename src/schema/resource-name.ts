// Resource names (AIP-122) of the form `collection/{id}`, where the id is a row's INTEGER key.
// Knows no tables.

import { invalidField, type ResourceIdentity } from "../errors.ts";
import { INT64_MAX, INT64_MIN } from "./sql-value.ts";

/** The kind of a resource: its type and the collection that its names begin with. */
export interface ResourceType {
  /** For example `library.example.com/Book`. */
  readonly type: string;
  /** For example `books`. */
  readonly collection: string;
}

/** The service name of a type: `library.example.com` of `library.example.com/Book`. */
export function serviceNameOf({ type }: ResourceType): string {
  return type.split("/", 1)[0] as string;
}

/** The collection of a pattern such as `books/{book}`; undefined if it has another form. */
export function collectionOf(pattern: string): string | undefined {
  return /^([a-z][a-zA-Z0-9]*)\/\{[a-z][a-z0-9_]*\}$/.exec(pattern)?.[1];
}

export function formatName(resource: ResourceType, id: bigint): string {
  return `${resource.collection}/${id}`;
}

/** Type and name of the resource with this key. */
export function identify(
  { resource }: { readonly resource: ResourceType },
  key: bigint,
): ResourceIdentity {
  return { type: resource.type, name: formatName(resource, key) };
}

/**
 * The key of the row that `name` names.
 * @throws StoreError INVALID_FIELD, for `field`, if it is no name of such a resource.
 */
export function parseName(resource: ResourceType, name: string, field: string): bigint {
  const prefix = `${resource.collection}/`;
  const id = name.startsWith(prefix) ? parseId(name.slice(prefix.length)) : undefined;
  if (id === undefined) {
    throw invalidField(field, `must be a name such as ${prefix}7, with a 64-bit integer`);
  }
  return id;
}

/** Only the canonical spelling counts, so that a resource has one name. */
function parseId(text: string): bigint | undefined {
  if (!/^(0|-?[1-9]\d{0,18})$/.test(text)) return undefined;
  const id = BigInt(text);
  return id >= INT64_MIN && id <= INT64_MAX ? id : undefined;
}
