// Reads short pages on the thread that asks: to wake another one takes longer than to read them.
// Leaves to the reader threads what is longer than it seemed, or must be made anew.

import type { Row } from "../../schema/sql-value.ts";
import type { CallLimits } from "../database.ts";
import type { PageBytes, PageRequest } from "../page-request.ts";
import { type Connection, isBusy, translateSqliteError } from "./connection.ts";
import { createItemWriter } from "./item-bytes.ts";
import { createStatementRunner } from "./statement-cache.ts";
import { type OnStatement, timed } from "./timed.ts";
import { isIntact, joinsBytes, readNumbers, splitBytes } from "./wires.ts";

/** Reads a page. Fails with StoreError only. */
export type ReadPage = (request: PageRequest, limits?: CallLimits) => Promise<PageBytes>;

/** What `selectJoinedPage` selects. */
type JoinedRow = [
  revision: bigint,
  rows: bigint,
  keys: string | null,
  sizes: string | null,
  bytes: Uint8Array | null,
];

/** Reads pages on `connection` if they are short, and else with `readPage`. */
export function readShortPages(
  connection: Connection,
  readPage: ReadPage,
  onStatement?: OnStatement,
): ReadPage {
  const runner = createStatementRunner(connection);
  const joins = joinsBytes(connection);
  return async (request, limits) => {
    const { joined, ...scan } = request;
    if (!joined || !joins) return readPage(scan, limits);
    try {
      const read = () => splitPage(request, runner.get(joined) as JoinedRow);
      const page = timed(read, onStatement);
      if (page) return page;
    } catch (error) {
      // The others wait for a lock without blocking this thread.
      if (!isBusy(error)) throw translateSqliteError(error);
    }
    return readPage(scan, limits);
  };
}

/** What a length is multiplied by, where a CRC-32 is added to it. */
const CRC_RANGE = 2 ** 32;

/** The page, unless a message has no bytes, too many, or others than were written. */
function splitPage(
  { item, pageSize, pageBytes }: PageRequest,
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

/** The key of the last row of the page, and that of the row behind it; not all keys are looked at. */
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
