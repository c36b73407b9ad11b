// Resource names (AIP-122) of the form `collection/{id}`, where the id is a row's INTEGER key.
// Knows no tables.

import { invalidField } from "../errors.ts";

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

/** The name of the row with this key. */
export function formatName(resource: ResourceType, id: bigint): string {
  return `${resource.collection}/${id}`;
}

const MAX_ID = 2n ** 63n - 1n;
const MIN_ID = -(2n ** 63n);

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
  return id >= MIN_ID && id <= MAX_ID ? id : undefined;
}
