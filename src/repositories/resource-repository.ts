// The standard methods of one resource, from its plan alone: what is read, and the operations of a
// commit. Knows no requests: handlers take them apart.

import { itemBytesMax } from "../config.ts";
import type {
  CallLimits,
  Commit,
  CommitOptions,
  Database,
  Operation,
} from "../database/database.ts";
import type { Page } from "../database/list-request.ts";
import type { BatchRequest } from "../database/page-request.ts";
import { notFound } from "../errors.ts";
import type { Limits } from "../limits.ts";
import type { ResourcePlan } from "../schema/plan.ts";
import { identify } from "../schema/resource-name.ts";
import { checkList, type ListQuery } from "./list.ts";

/** What was read, as bytes, and the revision of the database that it is of. */
export interface Stored {
  readonly bytes: Uint8Array;
  readonly revision: bigint;
}

/** The standard methods of one resource. Every method fails with StoreError only. */
export interface ResourceRepository {
  readonly plan: ResourcePlan;
  /** The message with this key; of a read mask, all that it selects, and perhaps more. */
  get(key: bigint, call?: CallLimits, mask?: readonly string[]): Promise<Stored>;
  /** The messages with these keys, in this order, as they stand in the response. */
  getBatch(
    batch: Omit<BatchRequest, "plan" | "answerBytesMax">,
    call?: CallLimits,
  ): Promise<Stored>;
  /** A page of messages. @throws StoreError INVALID_FIELD for a filter or an order that cannot be. */
  list(query: ListQuery, call?: CallLimits): Promise<Page>;
  commit(operations: readonly Operation[], options?: CommitOptions): Promise<Commit>;
}

/** The repository of a resource. */
export function createRepository(
  database: Database,
  plan: ResourcePlan,
  limits: Limits,
): ResourceRepository {
  const missing = (key: bigint) => notFound(identify(plan, key));
  return {
    plan,

    async get(key, call, mask) {
      const { message, revision } = await database.get(plan, key, call, mask);
      if (!message) throw missing(key);
      return { bytes: message, revision };
    },

    async getBatch(batch, call) {
      const answer = await database.batch(
        { plan, answerBytesMax: limits.sendMessageBytes, ...batch },
        call,
      );
      if ("missing" in answer) throw missing(answer.missing);
      return answer;
    },

    async list({ filter, orderBy, pageBytes = limits.pageBytes, ...range }, call) {
      const list = checkList(plan, { filter, orderBy });
      const bounds = { pageBytes, itemBytesMax: itemBytesMax(limits) };
      return database.list({ ...list, ...range, ...bounds }, call);
    },

    commit: (operations, options) => database.commit(operations, options),
  };
}
