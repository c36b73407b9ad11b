// Reads short pages on the thread that asks: to wake another one takes longer than to read them.
// Leaves to the reader threads what is longer than it seemed, or must be made anew.

import type { Row } from "../../schema/sql-value.ts";
import type { CallLimits } from "../database.ts";
import type { PageBytes, PageRequest } from "../page-request.ts";
import { type Connection, isBusy, translateSqliteError } from "./connection.ts";
import { createItemWriter } from "./item-bytes.ts";
import { createStatementRunner } from "./statement-cache.ts";
import { type OnStatement, timed } from "./timed.ts";
import { joinsBytes } from "./wires.ts";

/** Reads a page. Fails with StoreError only. */
export type ReadPage = (request: PageRequest, limits?: CallLimits) => Promise<PageBytes>;

/** What `selectJoinedPage` selects. */
type JoinedRow = [
  revision: bigint,
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

/** The page, unless a message has no bytes or too many. */
function splitPage(
  { item, pageSize, pageBytes }: PageRequest,
  [revision, joinedKeys, joinedSizes, joined]: JoinedRow,
): PageBytes | undefined {
  const keys = splitList(joinedKeys);
  const sizes = splitList(joinedSizes).map(Number);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (sizes.length < keys.length || total > pageBytes) return undefined;
  const bytes = joined ?? new Uint8Array();
  if (bytes.length !== total) return undefined;
  const messages: Uint8Array[] = [];
  let at = 0;
  for (const size of sizes.slice(0, pageSize)) {
    messages.push(bytes.subarray(at, at + size));
    at += size;
  }
  return {
    bytes: createItemWriter(item).write(messages, []),
    count: messages.length,
    last: rowOf(keys[messages.length - 1]),
    following: rowOf(keys[pageSize]),
    more: [],
    revision,
  };
}

function splitList(joined: string | null): string[] {
  return joined === null ? [] : joined.split(",");
}

/** A row of a page by key has its key as its extra value. */
function rowOf(key: string | undefined): Row | undefined {
  return key === undefined ? undefined : [BigInt(key), BigInt(key)];
}
