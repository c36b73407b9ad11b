// The standard methods of one resource, from its plan alone: get, list, create, update, delete.
// Knows no requests: handlers/standard.ts takes them apart.

import { type Message, type Registry, toBinary } from "@bufbuild/protobuf";
import type { Limits } from "../config.ts";
import type { CallLimits, Database } from "../database/database.ts";
import { notFound } from "../errors.ts";
import { resolveMask } from "../query/field-mask.ts";
import {
  type Statement,
  selectByKey,
  selectChildren,
  selectPage,
  toChildRow,
  toResourceRow,
} from "../query/statements.ts";
import { applyDefaults, checkRequired, clearOutputOnly } from "../schema/behavior.ts";
import type { ResourcePlan } from "../schema/plan.ts";
import { formatName } from "../schema/resource-name.ts";
import { type ChildRow, type ResourceRow, rebuildRow } from "../schema/row.ts";
import type { Row } from "../schema/sql-value.ts";

/** A stored message as bytes, and the revision of the database that it is of. */
export interface Stored {
  readonly bytes: Uint8Array;
  readonly revision: bigint;
}

/** Messages in the order of their keys. */
export interface Page {
  readonly items: readonly Uint8Array[];
  /** The key after which the next page begins; absent on the last one. */
  readonly next: bigint | undefined;
  readonly revision: bigint;
}

/** A message to store and where it is in the request, for example `artist`. */
export interface Input {
  readonly message: Message;
  readonly path: string;
}

export interface UpdateInput extends Input {
  /** The paths of the update mask; none if the request has no mask. */
  readonly mask: readonly string[] | undefined;
  readonly etag: string;
}

/** The standard methods of one resource. Every method fails with StoreError only. */
export interface ResourceRepository {
  readonly plan: ResourcePlan;
  get(key: bigint, call?: CallLimits): Promise<Stored>;
  list(after: bigint | null, pageSize: number, call?: CallLimits): Promise<Page>;
  create(input: Input, call?: CallLimits): Promise<Stored>;
  update(key: bigint, input: UpdateInput, call?: CallLimits): Promise<Stored>;
  delete(key: bigint, call?: CallLimits): Promise<{ readonly revision: bigint }>;
}

/** The repository of a resource. */
export function createRepository(
  database: Database,
  plan: ResourcePlan,
  registry: Registry,
  limits: Limits,
): ResourceRepository {
  return {
    plan,

    async get(key, call) {
      const { rows, revision } = await readRows(database, plan, selectByKey(plan, key), call);
      const [found] = messageBytes(plan, rows, registry);
      if (!found) {
        throw notFound({ type: plan.resource.type, name: formatName(plan.resource, key) });
      }
      return { bytes: found.bytes, revision };
    },

    async list(after, pageSize, call) {
      // One row more than asked for tells whether there is a next page.
      const statement = selectPage(plan, after, pageSize + 1);
      const { rows, revision } = await readRows(database, plan, statement, call);
      const page = cutPage(messageBytes(plan, rows, registry), pageSize, limits.pageBytes);
      return { ...page, revision };
    },

    async create({ message, path }, call) {
      clearOutputOnly(plan.desc, message);
      checkRequired(plan.desc, message, path);
      applyDefaults(plan, message);
      return commitOne(database, { kind: "create", plan, message, path }, call);
    },

    async update(key, { message, path, mask: paths, etag }, call) {
      clearOutputOnly(plan.desc, message);
      const mask = resolveMask(plan, paths, message);
      checkRequired(
        plan.desc,
        message,
        path,
        mask.paths.filter((fields) => fields.length === 1).map(([field]) => field),
      );
      const operation = { kind: "update", plan, key, patch: message, mask, etag, path } as const;
      return commitOne(database, operation, call);
    },

    async delete(key, call) {
      return database.commit([{ kind: "delete", plan, key }], call);
    },
  };
}

async function commitOne(
  database: Database,
  operation: Parameters<Database["commit"]>[0][number],
  call: CallLimits | undefined,
): Promise<Stored> {
  const { messages, revision } = await database.commit([operation], call);
  return { bytes: messages[0] as Uint8Array, revision };
}

/** The resource rows and child rows of one snapshot. */
export interface RowSet {
  readonly resources: readonly Row[];
  readonly children: readonly (readonly Row[])[];
}

/** Reads the rows of a statement that selects `resourceColumns`, and their child rows. */
export async function readRows(
  database: Database,
  plan: ResourcePlan,
  statement: Statement,
  call?: CallLimits,
): Promise<{ rows: RowSet; revision: bigint }> {
  const forChildren = plan.children.map((child) => selectChildren(plan, child, statement));
  const { rows, revision } = await database.read([statement, ...forChildren], call);
  const [resources = [], ...children] = rows;
  return { rows: { resources, children }, revision };
}

interface Keyed {
  readonly key: bigint;
  readonly bytes: Uint8Array;
}

/** The bytes of each row: as they are stored or, if another program wrote the row, made anew. */
export function messageBytes(plan: ResourcePlan, rows: RowSet, registry: Registry): Keyed[] {
  return withChildren(rows).map(({ row, children }) => ({
    key: row.key,
    bytes: row.wire ?? toBinary(plan.desc, rebuildRow(plan, row, children, registry)),
  }));
}

/** Each resource row with its own child rows. */
export function withChildren(
  rows: RowSet,
): { row: ResourceRow; children: readonly (readonly ChildRow[])[] }[] {
  const byParent = rows.children.map((children) =>
    Map.groupBy(children.map(toChildRow), ({ parentKey }) => parentKey),
  );
  return rows.resources.map(toResourceRow).map((row) => ({
    row,
    children: byParent.map((groups) => groups.get(row.key) ?? []),
  }));
}

/** Ends a page at `pageSize` items or before it exceeds `pageBytes`, but never before one item. */
export function cutPage(
  rows: readonly Keyed[],
  pageSize: number,
  pageBytes: number,
): Pick<Page, "items" | "next"> {
  const items: Uint8Array[] = [];
  let bytes = 0;
  for (const row of rows) {
    bytes += row.bytes.length;
    const full = items.length === pageSize || (items.length > 0 && bytes > pageBytes);
    if (full) return { items, next: rows[items.length - 1]?.key };
    items.push(row.bytes);
  }
  return { items, next: undefined };
}
