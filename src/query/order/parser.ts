// Text of an order_by (AIP-132) → fields and directions. Spaces beyond those that part a field from
// `desc` mean nothing. Knows no fields.

import { invalidField } from "../../errors.ts";

/** The limits of an order_by. */
export const ORDER_LIMITS = Object.freeze({
  /** The length of the text, in bytes of UTF-8. */
  bytes: 1024,
  /** The number of fields. */
  fields: 16,
});

/** A field to sort by. */
export interface OrderField {
  /** For example `album` or `loyalty.points`. */
  readonly path: string;
  readonly descending: boolean;
}

/**
 * Reads the text of an order_by; empty text has no fields.
 * @throws StoreError INVALID_FIELD, for `order_by`
 */
export function parseOrder(text: string): OrderField[] {
  if (Buffer.byteLength(text) > ORDER_LIMITS.bytes) {
    throw orderError(`has more than ${ORDER_LIMITS.bytes} bytes`);
  }
  if (words(text).length === 0) return [];
  const items = text.split(",");
  if (items.length > ORDER_LIMITS.fields) {
    throw orderError(`has more than ${ORDER_LIMITS.fields} fields`);
  }
  const fields = items.map(parseItem);
  const paths = fields.map(({ path }) => path);
  const twice = paths.find((path, index) => paths.indexOf(path) !== index);
  if (twice !== undefined) throw orderError(`${twice} is there twice`);
  return fields;
}

function parseItem(item: string): OrderField {
  const [path, direction, ...rest] = words(item);
  if (path === undefined) throw orderError("a field is missing beside a comma");
  if (direction !== undefined && (direction !== "desc" || rest.length > 0)) {
    throw orderError(`only desc or a comma may follow ${path}`);
  }
  return { path, descending: direction === "desc" };
}

function words(text: string): string[] {
  return text.split(/[ \t\r\n]/).filter((word) => word !== "");
}

/** An error in an order_by. */
export function orderError(reason: string): Error {
  return invalidField("order_by", reason);
}
