// Assembles pages and batches from rows: bytes as they are stored, made anew where there are none,
// cut where a mask asks for less. Runs in the transaction that the caller has open.

import type { Registry } from "@bufbuild/protobuf";
import { cutBytes, resolveReadMask } from "../../query/read-mask.ts";
import { ITEM_COLUMNS, itemColumns, selectByKeys } from "../../query/statements.ts";
import type { ResourcePlan } from "../../schema/plan.ts";
import type { Row } from "../../schema/sql-value.ts";
import type { BatchBytes, BatchRequest, PageBytes, PageRequest } from "../page-request.ts";
import { createItemWriter } from "./item-bytes.ts";
import { rebuildByKeys } from "./rebuild.ts";
import type { StatementRunner } from "./statement-cache.ts";
import type { ReadWires } from "./wires.ts";

/** What the pages of one connection are read with. */
export interface PageSource {
  readonly runner: StatementRunner;
  readonly registry: Registry;
  readonly readWires: ReadWires;
}

type WithoutRevision<T> = T extends unknown ? Omit<T, "revision"> : never;

/** A row whose bytes were made anew, or that has some. */
interface Item {
  readonly key: bigint;
  readonly length: number;
  readonly rebuilt: Uint8Array | undefined;
}

/** Rows that are rebuilt together: their texts and messages are all in memory. */
const REBUILT_ROWS = 100;

/**
 * The page that is asked for.
 * @throws StoreError ROW_UNREADABLE, or what a statement fails with.
 */
export function assemblePage(source: PageSource, request: PageRequest): WithoutRevision<PageBytes> {
  const { plan, pageSize, pageBytes, mask, more = [] } = request;
  const rows = readPage(source.runner, request);
  const writer = createItemWriter(request.item);
  const items: Item[] = [];
  let bytes = 0;
  for (const item of itemsOf(source, plan, rows.slice(0, pageSize))) {
    bytes += writer.sizeOf(item.length, rows[items.length] as Row);
    if (items.length > 0 && bytes > pageBytes) break;
    items.push(item);
  }
  const count = items.length;
  return {
    bytes: writer.write(cutAll(plan, bytesOf(source, plan, items), mask), rows),
    count,
    last: count > 0 ? withoutLength(rows[count - 1] as Row) : undefined,
    following: count < rows.length ? withoutLength(rows[count] as Row) : undefined,
    more: more.map((statement) => source.runner.all(statement)),
  };
}

/** The batch that is asked for. @throws StoreError ROW_UNREADABLE */
export function assembleBatch(
  source: PageSource,
  { plan, keys, item, mask }: BatchRequest,
): WithoutRevision<BatchBytes> {
  const rows = source.runner.all(selectByKeys(plan, keys, itemColumns(plan)));
  const indexOf = new Map(rows.map(([key], index) => [key as bigint, index]));
  const missing = keys.find((key) => !indexOf.has(key));
  if (missing !== undefined) return { missing };
  const items = [...itemsOf(source, plan, rows)];
  const found = cutAll(plan, bytesOf(source, plan, items), mask);
  const messages = keys.map((key) => found[indexOf.get(key) as number] as Uint8Array);
  return { bytes: createItemWriter(item).write(messages, []) };
}

/** Rows up to the one behind the page, as far as that can be told before any is rebuilt. */
function readPage(
  runner: StatementRunner,
  { statements, pageSize, pageBytes }: PageRequest,
): readonly Row[] {
  const rows: Row[] = [];
  let bytes = 0;
  for (const statement of statements) {
    for (const row of runner.all(statement)) {
      rows.push(row);
      bytes += Number(row[1]);
      if (rows.length > pageSize || (rows.length > 1 && bytes > pageBytes)) return rows;
    }
  }
  return rows;
}

/** The rows, as far as they are asked for; those without bytes are rebuilt, some at a time. */
function* itemsOf(source: PageSource, plan: ResourcePlan, rows: readonly Row[]): Generator<Item> {
  let rebuilt = new Map<bigint, Uint8Array>();
  for (const [index, [key, length]] of (rows as readonly [bigint, bigint | null][]).entries()) {
    if (length === null && !rebuilt.has(key)) {
      const bare = rows.slice(index).filter(([, bytes]) => bytes === null);
      const keys = bare.slice(0, REBUILT_ROWS).map(([bareKey]) => bareKey as bigint);
      rebuilt = rebuildByKeys(source.runner, plan, source.registry, keys);
    }
    const bytes = length === null ? rebuilt.get(key) : undefined;
    yield { key, length: bytes?.length ?? Number(length), rebuilt: bytes };
  }
}

function bytesOf(
  { readWires }: PageSource,
  plan: ResourcePlan,
  items: readonly Item[],
): readonly Uint8Array[] {
  const stored = items.filter(({ rebuilt }) => !rebuilt);
  const wires = readWires(plan, stored);
  if (stored.length === items.length) return wires;
  const next = wires.values();
  return items.map(({ rebuilt }) => rebuilt ?? (next.next().value as Uint8Array));
}

function cutAll(
  plan: ResourcePlan,
  messages: readonly Uint8Array[],
  paths: readonly string[] | undefined,
): readonly Uint8Array[] {
  if (!paths) return messages;
  const mask = resolveReadMask(plan, paths);
  return messages.map((message) => cutBytes(plan, message, mask));
}

function withoutLength(row: Row): Row {
  return [row[0] as bigint, ...row.slice(ITEM_COLUMNS)];
}
