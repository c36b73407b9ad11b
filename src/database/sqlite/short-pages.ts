// Reads short pages on the thread that asks: to wake another one takes longer than to read them.
// Leaves to the reader threads what takes longer than it seemed.

import type { CallLimits } from "../database.ts";
import type { PageBytes, PageRequest } from "../page-request.ts";
import { isBusy, translateSqliteError } from "./connection.ts";
import type { Reader } from "./reader.ts";

/** Reads a page. Fails with StoreError only. */
export type ReadPage = (request: PageRequest, limits?: CallLimits) => Promise<PageBytes>;

export interface ShortPageOptions {
  /** The bytes of rows above which a page is not short. */
  readonly bytesMax: number;
  /** Told of each read how long it took, in nanoseconds. */
  readonly onStatement?: ((ns: number) => void) | undefined;
}

/** Reads pages with `reader` if they are short, and else with `readPage`. */
export function readShortPages(
  reader: Reader,
  readPage: ReadPage,
  { bytesMax, onStatement }: ShortPageOptions,
): ReadPage {
  return async (request, limits) => {
    if (!request.isShort) return readPage(request, limits);
    const startMs = performance.now();
    try {
      const page = reader.shortPage(request, bytesMax);
      if (page) return page;
    } catch (error) {
      // The others wait for a lock without blocking this thread.
      if (!isBusy(error)) throw translateSqliteError(error);
    } finally {
      onStatement?.((performance.now() - startMs) * 1e6);
    }
    return readPage(request, limits);
  };
}
