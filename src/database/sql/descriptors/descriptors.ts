// Keeps the descriptors in a database those of its rows: compares them with the server's own before it
// serves, refuses what would be read as something else, and has rows derived anew. Costs the reading
// of one row if nothing has changed.

import {
  createFileRegistry,
  type DescMessage,
  type FileRegistry,
  type Registry,
} from "@bufbuild/protobuf";
import { type Clock, timestamp } from "../../../clock.ts";
import { StoreError } from "../../../errors.ts";
import type { Log } from "../../../observe/log.ts";
import {
  type Conflict,
  compareResource,
  type MessageDifferences,
} from "../../../schema/compatibility.ts";
import { hashOf, imageOf } from "../../../schema/image.ts";
import type { ResourcePlan } from "../../../schema/plan.ts";
import type { Statement } from "../statements.ts";
import { countRows, type DerivedTable, deriveTables } from "./derivation.ts";
import { uncoverColumns } from "./hidden-columns.ts";
import {
  beginDerivation,
  type DescriptorSource,
  findLeftover,
  insertImage,
  isEmptyTable,
  readSchemaState,
  readStoredSets,
  type SchemaState,
  setCurrent,
  setWriter,
} from "./schema-store.ts";

/** What descriptors are compared with. */
export interface DescriptorOptions {
  readonly source: DescriptorSource;
  readonly plans: readonly ResourcePlan[];
  readonly registry: Registry;
  readonly readOnly: boolean;
  readonly log: Log;
  readonly clock: Clock;
  /** The rows of one commit while rows are derived anew. */
  readonly batchRows: number;
}

/** The server's own descriptors. */
interface Own {
  readonly image: Uint8Array;
  readonly hash: string;
}

/**
 * Makes sure, once, that the stored rows are what the server's descriptors say: to be called before
 * anything is served, and each time until the migrations are all there.
 * @throws StoreError SCHEMA_INCOMPATIBLE with a line for each field that rows have otherwise.
 */
export function checkDescriptors(options: DescriptorOptions): () => Promise<void> {
  let own: Own | undefined;
  let done: Promise<boolean> | undefined;

  async function check(): Promise<boolean> {
    const state = await readSchemaState(options.source);
    if (!state) return false;
    own ??= describeOwn(options.plans.map(({ desc }) => desc));
    if (state.current === own.hash && state.writer === own.hash) return true;
    await reconcile(options, own, state);
    return true;
  }

  return async () => {
    done ??= check();
    try {
      // A database whose migrations are pending is looked at again.
      if (!(await done)) done = undefined;
    } catch (error) {
      done = undefined;
      throw error;
    }
  };
}

function describeOwn(messages: readonly DescMessage[]): Own {
  const image = imageOf(messages);
  return { image, hash: hashOf(image) };
}

async function reconcile(options: DescriptorOptions, own: Own, state: SchemaState): Promise<void> {
  const { source, plans, readOnly, log } = options;
  const used: ResourcePlan[] = [];
  for (const plan of plans) if (!(await isEmptyTable(source, plan.table))) used.push(plan);
  const stored = await readStoredSets(source);
  await refuseConflicts(source, used, stored, own.hash);
  const tables = findConcerned(used, stored, state);
  if (readOnly) {
    if (tables.length === 0) return;
    const names = tables.map(({ plan }) => plan.desc.typeName);
    log.warn(
      { types: names },
      "filters may miss rows that an older server wrote; serve once without --read-only",
    );
    return;
  }
  const isResumed = state.derivation === own.hash;
  const rowsTotal = isResumed ? state.rowsTotal : await countRows(source, tables);
  await run(source, [
    // Together with the descriptors, by which the next start knows that it is done.
    ...uncoverColumns(source, used, [...stored.values()]),
    insertImage(own.hash, own.image, timestamp(options.clock)),
    ...(isOlder(used, stored, state) ? [] : [setCurrent(own.hash)]),
    ...(isResumed || rowsTotal === 0n ? [] : [beginDerivation(own.hash, rowsTotal)]),
  ]);
  if (rowsTotal > 0n) {
    log.info(
      { rows: Number(rowsTotal) },
      "rows were written by a server that did not know all of their fields",
    );
    const progress = isResumed ? state : { position: START, rowsDone: 0n, rowsTotal };
    await deriveTables(options, tables, own.hash, progress);
    log.info({ rows: Number(rowsTotal) }, "derived rows anew");
  }
  await run(source, [setWriter(own.hash)]);
}

const START = { table: null, key: null } as const;

async function run({ commit }: DescriptorSource, statements: readonly Statement[]): Promise<void> {
  await commit(statements.map((statement) => ({ kind: "execute", statement, unseen: true })));
}

/** The sets of types that are stored, by their hashes. */
type Stored = ReadonlyMap<string, FileRegistry>;

/** @throws StoreError SCHEMA_INCOMPATIBLE */
async function refuseConflicts(
  source: DescriptorSource,
  plans: readonly ResourcePlan[],
  stored: Stored,
  ownHash: string,
): Promise<void> {
  const lines = new Set<string>();
  for (const [hash, types] of stored) {
    if (hash === ownHash) continue;
    for (const conflict of compareAll(plans, types).flatMap(({ conflicts }) => conflicts)) {
      const { leftover } = conflict;
      if (!leftover || (await findLeftover(source, leftover)))
        lines.add(describeConflict(conflict));
    }
  }
  if (lines.size === 0) return;
  const intro =
    "rows of this database were written with other descriptors, and cannot be read with these:";
  throw new StoreError("SCHEMA_INCOMPATIBLE", [intro, ...lines].join("\n"));
}

function describeConflict({ subject, reason, remedy }: Conflict): string {
  return `${subject}: ${reason}; ${remedy}`;
}

function compareAll(
  plans: readonly ResourcePlan[],
  types: FileRegistry,
): readonly MessageDifferences[] {
  return plans.flatMap((plan) => compareResource(plan, types) ?? []);
}

/** True if the newest descriptors that are stored have all that the server's own have, and more. */
function isOlder(
  plans: readonly ResourcePlan[],
  stored: Stored,
  { current }: SchemaState,
): boolean {
  if (current === null) return false;
  const differences = compareAll(plans, typesIn(stored, current));
  return (
    differences.some(({ lacking }) => lacking.length > 0) &&
    differences.every(({ added }) => added.length === 0)
  );
}

function typesIn(stored: Stored, hash: string): FileRegistry {
  return stored.get(hash) ?? createFileRegistry();
}

/** The tables that have fields which the server that wrote last did not know. */
function findConcerned(
  plans: readonly ResourcePlan[],
  stored: Stored,
  { current, writer }: SchemaState,
): readonly DerivedTable[] {
  const marked = plans.map((plan) => ({ plan, rows: "marked" }) as const);
  if (writer === null) return marked;
  const [written, newest] = [writer, current ?? writer].map((hash) => typesIn(stored, hash));
  return marked.flatMap((table): DerivedTable[] => {
    const differences = written && compareResource(table.plan, written);
    if (!differences) return [table];
    if (differences.added.length === 0) return [];
    const before = newest && compareResource(table.plan, newest);
    // The names of enum values stand in JSON without a mark; and a column that was there before, and
    // was dropped and made again, is empty where bytes have its field.
    const isEverywhere = differences.added.some(
      ({ kind, column, subject }) =>
        kind === "value" ||
        (column !== undefined && before && !before.added.some((part) => part.subject === subject)),
    );
    return [isEverywhere ? { plan: table.plan, rows: "all" } : table];
  });
}
