// Reads short pages on the thread that asks: to wake another one takes longer than to read them.
// Leaves to the reader threads what is more than a few rows by key, or must be made anew.

import type { Limits } from "../../../limits.ts";
import {
  noteStatement,
  type OnStatement,
  type StatementLog,
} from "../../../observe/statement-run.ts";
import type { CallLimits } from "../../database.ts";
import type { ListRequest } from "../../list-request.ts";
import type { PageBytes } from "../../page-request.ts";
import { isByKey, type JoinedRow, splitPage } from "../../sql/read/joined-pages.ts";
import { type Connection, isBusy, translateSqliteError } from "../connection/connection.ts";
import { createStatementRunner } from "../connection/statement-runner.ts";
import { joinsBytes, selectJoinedPage } from "./row-statements.ts";

/** Reads a short page; undefined if it is none. Fails with StoreError only. */
export type ReadShortPage = (
  request: ListRequest,
  call?: CallLimits,
) => Promise<PageBytes | undefined>;

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
    if (!joins || !isByKey(request) || request.pageSize > limits.shortPageRows) return undefined;
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
