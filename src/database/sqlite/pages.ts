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

/** What assembles the pages of one connection. */
export interface PageSource {
  readonly runner: StatementRunner;
  readonly registry: Registry;
}

type WithoutRevision<T> = T extends unknown ? Omit<T, "revision"> : never;

/** Rows that are rebuilt together: their texts and messages are all in memory. */
const REBUILT_ROWS = 100;

/**
 * The page that is asked for.
 * @throws StoreError ROW_UNREADABLE, or what a statement fails with.
 */
export function assemblePage(source: PageSource, request: PageRequest): WithoutRevision<PageBytes> {
  const { plan, pageSize, pageBytes, item, mask, more = [] } = request;
  const rows = readPage(source.runner, request);
  const writer = createItemWriter(item);
  const stored = storedBytes(source, plan, rows);
  const messages: Uint8Array[] = [];
  let bytes = 0;
  for (let i = 0; i < rows.length && i < pageSize; i++) {
    const message = stored(i);
    bytes += writer.sizeOf(message, rows[i] as Row);
    if (i > 0 && bytes > pageBytes) break;
    messages.push(message);
  }
  const count = messages.length;
  return {
    bytes: writer.write(cutAll(plan, messages, mask), rows),
    count,
    last: count > 0 ? withoutBytes(rows[count - 1] as Row) : undefined,
    following: count < rows.length ? withoutBytes(rows[count] as Row) : undefined,
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
  const stored = storedBytes(source, plan, rows);
  const found = cutAll(
    plan,
    rows.map((_, index) => stored(index)),
    mask,
  );
  const indexes = keys.map((key) => indexOf.get(key) as number);
  const messages = indexes.map((index) => found[index] as Uint8Array);
  return {
    bytes: createItemWriter(item).write(
      messages,
      indexes.map((index) => rows[index] as Row),
    ),
  };
}

/** Rows up to the one behind the page, as far as that can be told before any is rebuilt. */
function readPage(
  runner: StatementRunner,
  { statements, pageSize, pageBytes }: PageRequest,
): readonly Row[] {
  const rows: Row[] = [];
  let bytes = 0;
  for (const statement of statements) {
    for (const row of runner.iterate(statement)) {
      rows.push(row);
      bytes += (row[1] as Uint8Array | null)?.length ?? 0;
      if (rows.length > pageSize || (rows.length > 1 && bytes > pageBytes)) return rows;
    }
  }
  return rows;
}

/** The bytes of the row with an index; rows without bytes are rebuilt when the first is asked for. */
function storedBytes(
  { runner, registry }: PageSource,
  plan: ResourcePlan,
  rows: readonly Row[],
): (index: number) => Uint8Array {
  let rebuilt = new Map<bigint, Uint8Array>();
  const isBare = (row: Row) => row[1] === null;
  return (index) => {
    const [key, wire] = rows[index] as [bigint, Uint8Array | null];
    if (wire) return wire;
    if (!rebuilt.has(key)) {
      const keys = rows.slice(index).filter(isBare).slice(0, REBUILT_ROWS);
      rebuilt = rebuildByKeys(
        runner,
        plan,
        registry,
        keys.map(([bare]) => bare as bigint),
      );
    }
    return rebuilt.get(key) as Uint8Array;
  };
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

function withoutBytes(row: Row): Row {
  return [row[0] as bigint, ...row.slice(ITEM_COLUMNS)];
}
