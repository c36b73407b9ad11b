// The standard methods of one resource, from its plan alone: what is read, and the operations of a
// commit. Knows no requests: handlers take them apart.

import type { Message } from "@bufbuild/protobuf";
import type { Limits } from "../config.ts";
import type {
  CallLimits,
  Commit,
  CommitOptions,
  CreateOperation,
  Database,
  DeleteOperation,
  Operation,
  UpdateOperation,
} from "../database/database.ts";
import type { BatchRequest } from "../database/page-request.ts";
import { notFound } from "../errors.ts";
import { requiredFields, resolveMask } from "../query/field-mask.ts";
import type { TableFacts } from "../query/filter/source.ts";
import { applyDefaults, checkRequired, clearOutputOnly } from "../schema/behavior.ts";
import type { ResourcePlan } from "../schema/plan.ts";
import { formatName } from "../schema/resource-name.ts";
import { type ListGuard, type ListQuery, listResources, type Page } from "./list.ts";

/** What was read, as bytes, and the revision of the database that it is of. */
export interface Stored {
  readonly bytes: Uint8Array;
  readonly revision: bigint;
}

/** A message to store and where it is. */
export interface Input {
  readonly message: Message;
  /** Where the message is in the request, for example `requests[3].artist`. */
  readonly path: string;
  /** Which item of a batch it is, for example `requests[3]`. */
  readonly item?: string;
}

export interface CreateInput extends Input {
  /** The key that the client chose, if it did. */
  readonly key?: bigint;
}

export interface UpdateInput extends Input {
  readonly key: bigint;
  /** The paths of the update mask; none if the request has no mask. */
  readonly mask: readonly string[] | undefined;
  readonly etag: string;
  readonly allowMissing: boolean;
}

/** The standard methods of one resource. Every method fails with StoreError only. */
export interface ResourceRepository {
  readonly plan: ResourcePlan;
  /** The message with this key. */
  get(key: bigint, call?: CallLimits): Promise<Stored>;
  /** The messages with these keys, in this order, as they stand in the response. */
  getBatch(batch: Omit<BatchRequest, "plan">, call?: CallLimits): Promise<Stored>;
  list(query: ListQuery, call?: CallLimits): Promise<Page>;
  createOperation(input: CreateInput): CreateOperation;
  updateOperation(input: UpdateInput): UpdateOperation;
  deleteOperation(input: Omit<DeleteOperation, "kind" | "plan">): DeleteOperation;
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

    async get(key, call) {
      const { message, revision } = await database.get(plan, key, call);
      if (!message) throw missing(key);
      return { bytes: message, revision };
    },

    async getBatch(batch, call) {
      const answer = await database.batch({ plan, ...batch }, call);
      if ("missing" in answer) throw missing(answer.missing);
      return answer;
    },

    list(query, call) {
      facts ??= extras.factsOf?.(plan) ?? {};
      const source = { database, plan, limits, facts, guard: extras.guard };
      return listResources(source, query, call);
    },

    createOperation({ message, path, key, item }) {
      clearOutputOnly(plan.desc, message);
      checkRequired(plan.desc, message, path);
      applyDefaults(plan, message);
      return {
        kind: "create",
        plan,
        message,
        path,
        ...(key !== undefined && { key }),
        ...(item !== undefined && { item }),
      };
    },

    updateOperation({ message, path, key, mask: paths, etag, allowMissing, item }) {
      clearOutputOnly(plan.desc, message);
      const mask = resolveMask(plan, paths, message);
      checkRequired(plan.desc, message, path, requiredFields(plan, mask));
      const patch = message;
      return {
        kind: "update",
        plan,
        key,
        patch,
        mask,
        etag,
        allowMissing,
        path,
        ...(item !== undefined && { item }),
      };
    },

    deleteOperation: (input) => ({ kind: "delete", plan, ...input }),

    commit: (operations, options) => database.commit(operations, options),
  };
}
