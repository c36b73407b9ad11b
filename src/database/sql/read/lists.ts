// Reads the pages of Lists: makes the statements here, where the plans are, and has them run where they
// keep no call waiting.

import type { ResourcePlan } from "../../../schema/plan.ts";
import type { CallLimits, Database } from "../../database.ts";
import type { ListRequest, ListSelection, Page } from "../../list-request.ts";
import type { PageBytes } from "../../page-request.ts";
import type { TableFacts } from "../filter/source.ts";
import { compileList } from "../list-statements.ts";
import type { Statement } from "../statements.ts";

/** What Lists are read with. */
export interface ListTools {
  /** What is known of a table beside its plan; asked when the first List comes. */
  readonly factsOf: (plan: ResourcePlan) => TableFacts | Promise<TableFacts>;
  /** A quicker way to a page that is asked for without anything special; undefined if it is none for this one. */
  readonly readShort?: (request: ListRequest, call?: CallLimits) => Promise<PageBytes | undefined>;
  readonly page: Database["page"];
  /** @throws StoreError INVALID_FIELD if the first page must not be read because of its filter. */
  readonly refuseCostly?: (list: ListSelection, firstPage: Statement) => void | Promise<void>;
}

/** Lists resources. */
export function createListReader(tools: ListTools): Database["list"] {
  const { readShort, page, refuseCostly } = tools;
  const known = new Map<ResourcePlan, TableFacts>();

  async function factsOf(plan: ResourcePlan): Promise<TableFacts> {
    const facts = known.get(plan) ?? (await tools.factsOf(plan));
    known.set(plan, facts);
    return facts;
  }

  return async (request, call) => {
    let read = await readShort?.(request, call);
    if (!read) {
      const list = compileList(request, await factsOf(request.plan));
      const { plan, pageSize, pageBytes, itemBytesMax, item, mask, after } = request;
      const first = list.first(request);
      await refuseCostly?.(request, first);
      const statements = after ? list.after(request, after) : [first];
      const more = request.includeTotalSize ? [list.count()] : [];
      const asked = { plan, statements, pageSize, pageBytes, itemBytesMax, item, mask, more };
      read = await page(asked, call);
    }
    return toPage(read, request.includeTotalSize);
  };
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
