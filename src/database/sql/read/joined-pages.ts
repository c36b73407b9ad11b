// Pages by key whose rows one statement has joined into one: what such a page may be, and how it is taken
// apart. Leaves to others what must be looked at row by row. Runs no SQL.

import type { Row } from "../../../schema/sql-value.ts";
import type { ListRequest } from "../../list-request.ts";
import type { PageBytes } from "../../page-request.ts";
import { createItemWriter } from "./item-bytes.ts";
import { isIntact, readNumbers, splitBytes } from "./wires.ts";

/**
 * A page as one row: the revision of the database, how many rows it has, their keys, for each message its
 * length times 2^32 plus the CRC-32 that it must have, and the messages joined. Keys and numbers are
 * joined by commas; a message that is too large is missing. One number for each costs less than two.
 */
export type JoinedRow = [
  revision: bigint,
  rows: bigint,
  keys: string | null,
  sizes: string | null,
  bytes: Uint8Array | null,
];

/** True if the rows are asked for in the order of their keys, and nothing else is to be looked for. */
export function isByKey(request: ListRequest): boolean {
  const { condition, order, skip, includeTotalSize, mask, item } = request;
  const isPlain = !condition && order.length === 0 && skip === 0 && !includeTotalSize;
  return isPlain && !mask && !item.envelope;
}

/** What a length is multiplied by, where a CRC-32 is added to it. */
const CRC_RANGE = 2 ** 32;

/** The page, unless a message has no bytes, too many, or others than were written. */
export function splitPage(
  { item, pageSize, pageBytes }: ListRequest,
  [revision, rows, keys, sizes, joined]: JoinedRow,
): PageBytes | undefined {
  const packed = readNumbers(sizes);
  const bytes = joined ?? new Uint8Array();
  const isWhole = packed.length === Number(rows) && bytes.length <= pageBytes;
  if (!isWhole) return undefined;
  const lengths = packed.map((number) => Math.floor(number / CRC_RANGE));
  // The remainder, without a division of floats for each row.
  const crcs = packed.map((number, i) => number - (lengths[i] as number) * CRC_RANGE);
  if (!isIntact(bytes, lengths, crcs)) return undefined;
  const messages = splitBytes(bytes, lengths.slice(0, pageSize));
  const [last, following] = lastTwo(keys ?? "", packed.length > pageSize);
  return {
    bytes: createItemWriter(item).write(messages, []),
    count: messages.length,
    unreachable: [],
    last: rowOf(last),
    following: rowOf(following),
    more: [],
    revision,
  };
}

/** The key of the last row of the page, and that of the row after it; not all keys are looked at. */
function lastTwo(keys: string, hasFollowing: boolean): readonly [string, string | undefined] {
  const end = keys.lastIndexOf(",");
  const newest = keys.slice(end + 1);
  if (!hasFollowing) return [newest, undefined];
  const before = keys.lastIndexOf(",", end - 1);
  return [keys.slice(before + 1, end), newest];
}

/** A row of a page by key has its key as its extra value. */
function rowOf(key: string | undefined): Row | undefined {
  return key === undefined || key === "" ? undefined : [BigInt(key), BigInt(key)];
}
