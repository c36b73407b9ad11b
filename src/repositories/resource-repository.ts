// The standard methods of one resource, from its plan alone: what is read, and the operations of a
// commit. Knows no requests: handlers take them apart.

import type { Limits } from "../config.ts";
import type {
  CallLimits,
  Commit,
  CommitOptions,
  Database,
  Operation,
} from "../database/database.ts";
import type { BatchRequest } from "../database/page-request.ts";
import type { TableFacts } from "../database/sql/filter/source.ts";
import { notFound } from "../errors.ts";
import type { ResourcePlan } from "../schema/plan.ts";
import { formatName } from "../schema/resource-name.ts";
import { type ListGuard, type ListQuery, listResources, type Page } from "./list.ts";

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
  list(query: ListQuery, call?: CallLimits): Promise<Page>;
  commit(operations: readonly Operation[], options?: CommitOptions): Promise<Commit>;
}

/** What a List may use and must heed beside the plan. */
export interface ListExtras {
  /** What is known of a table beside its plan; asked when the first List comes. */
  readonly factsOf?: (plan: ResourcePlan) => TableFacts;
  readonly guard?: ListGuard | undefined;
}

/** The repository of a resource. */
export function createRepository(
  database: Database,
  plan: ResourcePlan,
  limits: Limits,
  extras: ListExtras = {},
): ResourceRepository {
  let facts: TableFacts | undefined;
  const missing = (key: bigint) =>
    notFound({ type: plan.resource.type, name: formatName(plan.resource, key) });
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

    list(query, call) {
      facts ??= extras.factsOf?.(plan) ?? {};
      const source = { database, plan, limits, facts, guard: extras.guard };
      return listResources(source, query, call);
    },

    commit: (operations, options) => database.commit(operations, options),
  };
}
