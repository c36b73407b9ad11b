// Reads the pages of Lists: makes the statements here, where the plans are, and has them run where they
// keep no call waiting. A few rows by key are read at once.

import type { Limits } from "../../../limits.ts";
import type { ResourcePlan } from "../../../schema/plan.ts";
import type { CallLimits, Database } from "../../database.ts";
import type { ListRequest, ListSelection, Page } from "../../list-request.ts";
import type { PageBytes } from "../../page-request.ts";
import type { TableFacts } from "../../sql/filter/source.ts";
import { compileList } from "../../sql/list-statements.ts";
import type { Statement } from "../../sql/statements.ts";
import { selectJoinedPage } from "./row-statements.ts";
import type { ReadShortPage } from "./short-pages.ts";

/** What Lists are read with. */
export interface ListTools {
  readonly limits: Pick<Limits, "shortPageRows" | "shortPageRowBytes">;
  /** What is known of a table beside its plan; asked when the first List comes. */
  readonly factsOf: (plan: ResourcePlan) => TableFacts;
  readonly shortPage: ReadShortPage;
  readonly page: Database["page"];
  /** @throws StoreError INVALID_FIELD if the first page must not be read because of its filter. */
  readonly refuseCostly?: (list: ListSelection, firstPage: Statement) => void;
}

/** Lists resources. */
export function createListReader(tools: ListTools): Database["list"] {
  const { limits, shortPage, page, refuseCostly } = tools;
  const known = new Map<ResourcePlan, TableFacts>();

  function factsOf(plan: ResourcePlan): TableFacts {
    const facts = known.get(plan) ?? tools.factsOf(plan);
    known.set(plan, facts);
    return facts;
  }

  /** To compile what is asked for, and to wake a reader, would take longer than the page. */
  async function readShort(
    request: ListRequest,
    call: CallLimits | undefined,
  ): Promise<PageBytes | undefined> {
    if (!isShort(request, limits.shortPageRows)) return undefined;
    const { plan, after, item, pageSize, pageBytes } = request;
    const joined = selectJoinedPage(plan, after?.[0], limits.shortPageRowBytes, pageSize + 1);
    return shortPage({ joined, item, pageSize, pageBytes }, call);
  }

  return async (request, call) => {
    let read = await readShort(request, call);
    if (!read) {
      const list = compileList(request, factsOf(request.plan));
      const { plan, pageSize, pageBytes, itemBytesMax, item, mask, after } = request;
      const first = list.first(request);
      refuseCostly?.(request, first);
      const statements = after ? list.after(request, after) : [first];
      const more = request.includeTotalSize ? [list.count()] : [];
      const asked = { plan, statements, pageSize, pageBytes, itemBytesMax, item, mask, more };
      read = await page(asked, call);
    }
    return toPage(read, request.includeTotalSize);
  };
}

/** A few rows in the order of their keys, and nothing else to look for. */
function isShort(request: ListRequest, rowsMax: number): boolean {
  const { condition, order, skip, includeTotalSize, mask, item } = request;
  const isPlain = !condition && order.length === 0 && skip === 0 && !includeTotalSize;
  return isPlain && !mask && !item.envelope && request.pageSize <= rowsMax;
}

function toPage(
  { bytes, count, unreachable, last, following, more, revision }: PageBytes,
  includeTotalSize: boolean,
): Page {
  // The values after the key are those of the order.
  const next = following && last?.slice(1);
  const totalSize = includeTotalSize ? Number(more[0]?.[0]?.[0]) : undefined;
  return { bytes, count, unreachable, next, totalSize, revision };
}
