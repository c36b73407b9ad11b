// The standard methods of one resource, from its plan alone: what is read, and the operations of a
// commit. Knows no requests: handlers take them apart.

import type { Message, Registry } from "@bufbuild/protobuf";
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
import { notFound } from "../errors.ts";
import { requiredFields, resolveMask } from "../query/field-mask.ts";
import type { TableFacts } from "../query/filter/source.ts";
import { selectByKey, selectByKeys } from "../query/statements.ts";
import { applyDefaults, checkRequired, clearOutputOnly } from "../schema/behavior.ts";
import type { ResourcePlan } from "../schema/plan.ts";
import { formatName } from "../schema/resource-name.ts";
import { type ListGuard, type ListQuery, listResources, type Page } from "./list.ts";
import { messageBytes, readRows } from "./rows.ts";

/** Stored messages as bytes, and the revision of the database that they are of. */
export interface Stored {
  readonly messages: readonly Uint8Array[];
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
  /** Whether child rows keep the keys that are in the message. */
  readonly keepChildKeys?: boolean;
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
  /** The messages with these keys, in this order. */
  get(keys: readonly bigint[], call?: CallLimits): Promise<Stored>;
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
  registry: Registry,
  limits: Limits,
  extras: ListExtras = {},
): ResourceRepository {
  let facts: TableFacts | undefined;
  return {
    plan,

    async get(keys, call) {
      const [only, ...others] = keys;
      const isOne = only !== undefined && others.length === 0;
      const statement = isOne ? selectByKey(plan, only) : selectByKeys(plan, keys);
      const { rows, revision } = await readRows(database, plan, [statement], call);
      const found = new Map(messageBytes(plan, rows, registry).map((row) => [row.key, row.bytes]));
      const messages = keys.map((key) => {
        const bytes = found.get(key);
        if (bytes) return bytes;
        throw notFound({ type: plan.resource.type, name: formatName(plan.resource, key) });
      });
      return { messages, revision };
    },

    list(query, call) {
      facts ??= extras.factsOf?.(plan) ?? {};
      const source = { database, plan, registry, limits, facts, guard: extras.guard };
      return listResources(source, query, call);
    },

    createOperation({ message, path, key, keepChildKeys, item }) {
      clearOutputOnly(plan.desc, message);
      checkRequired(plan.desc, message, path);
      applyDefaults(plan, message);
      return {
        kind: "create",
        plan,
        message,
        path,
        ...(key !== undefined && { key }),
        ...(keepChildKeys !== undefined && { keepChildKeys }),
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
