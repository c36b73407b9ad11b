// Reads short pages on the thread that asks: to wake another one takes longer than to read them.
// Leaves to the reader threads what is more than a few rows by key, or must be made anew.

import type { Limits } from "../../../limits.ts";
import {
  noteStatement,
  type OnStatement,
  type StatementLog,
} from "../../../observe/statement-run.ts";
import type { Row } from "../../../schema/sql-value.ts";
import type { CallLimits } from "../../database.ts";
import type { ListRequest } from "../../list-request.ts";
import type { PageBytes } from "../../page-request.ts";
import { createItemWriter } from "../../sql/read/item-bytes.ts";
import { type Connection, isBusy, translateSqliteError } from "../connection/connection.ts";
import { createStatementRunner } from "../connection/statement-runner.ts";
import { selectJoinedPage } from "./row-statements.ts";
import { isIntact, joinsBytes, readNumbers, splitBytes } from "./wires.ts";

/** Reads a short page; undefined if it is none. Fails with StoreError only. */
export type ReadShortPage = (
  request: ListRequest,
  call?: CallLimits,
) => Promise<PageBytes | undefined>;

/** What `selectJoinedPage` selects. */
type JoinedRow = [
  revision: bigint,
  rows: bigint,
  keys: string | null,
  sizes: string | null,
  bytes: Uint8Array | null,
];

/** Reads short pages on `connection`. */
export function createShortPageReader(
  connection: Connection,
  limits: Pick<Limits, "shortPageRows" | "shortPageRowBytes">,
  onStatement?: OnStatement,
): ReadShortPage {
  /** Whose statement is run now. */
  let log: StatementLog | undefined;
  const runner = createStatementRunner(connection, {
    onStatement(run) {
      onStatement?.(run);
      if (log) noteStatement(log, run);
    },
  });
  const joins = joinsBytes(connection);
  return async (request, call) => {
    if (!joins || !isShort(request, limits.shortPageRows)) return undefined;
    const { plan, after, pageSize } = request;
    const joined = selectJoinedPage(plan, after?.[0], limits.shortPageRowBytes, pageSize + 1);
    log = call?.statements;
    try {
      return splitPage(request, runner.get(joined) as JoinedRow);
    } catch (error) {
      // The others wait for a lock without blocking this thread.
      if (isBusy(error)) return undefined;
      throw translateSqliteError(error);
    }
  };
}

/** A few rows in the order of their keys, and nothing else to look for. */
function isShort(request: ListRequest, rowsMax: number): boolean {
  const { condition, order, skip, includeTotalSize, mask, item } = request;
  const isPlain = !condition && order.length === 0 && skip === 0 && !includeTotalSize;
  return isPlain && !mask && !item.envelope && request.pageSize <= rowsMax;
}

/** What a length is multiplied by, where a CRC-32 is added to it. */
const CRC_RANGE = 2 ** 32;

/** The page, unless a message has no bytes, too many, or others than were written. */
function splitPage(
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
