// Assembles pages and batches from rows: bytes as they are stored, made anew where there are none,
// cut where a mask asks for less. A page goes past rows that cannot be read or sent, and names them.
// Runs in the transaction that the caller has open.

import type { Registry } from "@bufbuild/protobuf";
import { cutBytes, type ReadMask, resolveReadMask } from "../../../query/read-mask.ts";
import type { ResourcePlan } from "../../../schema/plan.ts";
import { damagedBytes, faultError, type RowFault, tooLarge } from "../../../schema/row-fault.ts";
import type { Row } from "../../../schema/sql-value.ts";
import type { BatchBytes, BatchRequest, PageBytes, PageRequest } from "../../page-request.ts";
import type { RowDialect } from "../dialect.ts";
import { selectByKeys } from "../key-statements.ts";
import { isFault, type Rebuilt, rebuildByKeys } from "../rebuild.ts";
import { ITEM_COLUMNS, itemColumns } from "../statements.ts";
import { allRows, rowsOfEach, type Steps } from "../steps.ts";
import { refuseTooLarge } from "../write/answer-size.ts";
import { createItemWriter, type ItemWriter } from "./item-bytes.ts";

/** A row and how many bytes it has. */
export interface SizedRow {
  readonly key: bigint;
  readonly length: number;
}

/**
 * The bytes of each of the rows, in their order, in the transaction that is open; undefined for one
 * whose bytes are not those that were written.
 */
export type ReadWires = (
  plan: ResourcePlan,
  rows: readonly SizedRow[],
) => Steps<readonly (Uint8Array | undefined)[]>;

/** What pages are read with. */
export interface PageSource {
  readonly registry: Registry;
  readonly dialect: RowDialect;
  readonly readWires: ReadWires;
}

type WithoutRevision<T> = T extends unknown ? Omit<T, "revision"> : never;

/** What is asked of each row. */
interface ItemRequest {
  readonly plan: ResourcePlan;
  readonly mask: ReadMask;
  readonly writer: ItemWriter;
  /** The most bytes of an item. */
  readonly itemBytesMax: number;
}

/** A row whose bytes were made anew, or that has some; or why it has none. */
interface Item {
  readonly row: Row;
  readonly key: bigint;
  /** Its bytes before they are cut; 0 if there are none. */
  readonly length: number;
  readonly rebuilt: Rebuilt | undefined;
}

/** What an item is answered with. */
type Answer = readonly [row: Row, message: Rebuilt];

/** Rows that are rebuilt together. */
const REBUILT_ROWS = 100;

/** The page that is asked for. @throws what a statement fails with. */
export function* assemblePage(
  source: PageSource,
  request: PageRequest,
): Steps<WithoutRevision<PageBytes>> {
  const { plan, pageSize, pageBytes, itemBytesMax, more = [] } = request;
  const writer = createItemWriter(request.item);
  const mask = resolveReadMask(plan, request.mask);
  const asked = { plan, mask, writer, itemBytesMax };
  const rows = yield* readPage(request, asked);
  const items: Item[] = [];
  let bytes = 0;
  const nextItem = itemsOf(source, asked, rows.slice(0, pageSize));
  for (let item = yield* nextItem(); item; item = yield* nextItem()) {
    bytes += sizeOf(writer, item);
    if (items.length > 0 && bytes > pageBytes) break;
    items.push(item);
  }
  const passed = items.length;
  const answers = yield* answersOf(source, asked, items);
  const unreachable: RowFault[] = [];
  const messages: Uint8Array[] = [];
  const found: Row[] = [];
  for (const [row, message] of answers) {
    if (isFault(message)) {
      unreachable.push(message);
      continue;
    }
    messages.push(message);
    found.push(row);
  }
  return {
    bytes: writer.write(messages, found),
    count: messages.length,
    unreachable,
    last: passed > 0 ? withoutLength(rows[passed - 1] as Row) : undefined,
    following: passed < rows.length ? withoutLength(rows[passed] as Row) : undefined,
    more: yield* rowsOfEach(more),
  };
}

/**
 * The batch that is asked for.
 * @throws StoreError ROW_UNREADABLE, ROW_TOO_LARGE, ANSWER_TOO_LARGE
 */
export function* assembleBatch(
  source: PageSource,
  { plan, keys, item, answerBytesMax, mask: paths }: BatchRequest,
): Steps<WithoutRevision<BatchBytes>> {
  const rows = yield* allRows(selectByKeys(plan, keys, source.dialect, itemColumns(plan)));
  const indexOf = new Map(rows.map(([key], index) => [key as bigint, index]));
  const missing = keys.find((key) => !indexOf.has(key));
  if (missing !== undefined) return { missing };
  const writer = createItemWriter(item);
  const mask = resolveReadMask(plan, paths);
  const asked = { plan, mask, writer, itemBytesMax: answerBytesMax };
  const items: Item[] = [];
  const nextItem = itemsOf(source, asked, rows);
  for (let item = yield* nextItem(); item; item = yield* nextItem()) items.push(item);
  const inOrder = <T>(values: readonly T[]) =>
    keys.map((key) => values[indexOf.get(key) as number]);
  if (mask.isEverything) {
    const stored = inOrder(items.map(({ length }) => length)) as number[];
    refuseTooLarge(stored, writer.framedSize, answerBytesMax);
  }
  const answers = inOrder(yield* answersOf(source, asked, items)) as Answer[];
  const messages = answers.map(([, message]) => {
    if (isFault(message)) throw faultError(message);
    return message;
  });
  const lengths = messages.map(({ length }) => length);
  refuseTooLarge(lengths, writer.framedSize, answerBytesMax);
  return { bytes: writer.write(messages, []) };
}

/** Rows up to the one after the page, as far as that can be told before any is rebuilt. */
function* readPage(
  { statements, pageSize, pageBytes }: PageRequest,
  asked: ItemRequest,
): Steps<readonly Row[]> {
  const rows: Row[] = [];
  let bytes = 0;
  for (const statement of statements) {
    for (const row of yield* allRows(statement)) {
      rows.push(row);
      const length = Number(row[1]);
      if (!isTooLarge(asked, length, row)) bytes += length;
      if (rows.length > pageSize || (rows.length > 1 && bytes > pageBytes)) return rows;
    }
  }
  return rows;
}

/** True for a row that is left out; what a mask leaves of it is known when it is cut. */
function isTooLarge({ mask, writer, itemBytesMax }: ItemRequest, length: number, row: Row) {
  return mask.isEverything && writer.sizeOf(length, row) > itemBytesMax;
}

/**
 * Gives one row after the other, as far as they are asked for; undefined after the last one. Those
 * without bytes are rebuilt, some at a time.
 */
function itemsOf(
  source: PageSource,
  asked: ItemRequest,
  rows: readonly Row[],
): () => Steps<Item | undefined> {
  const { plan, mask } = asked;
  let rebuilt = new Map<bigint, Rebuilt>();
  let index = -1;
  return function* nextItem() {
    index += 1;
    const row = rows[index];
    if (!row) return undefined;
    const [key, stored] = row as readonly [bigint, bigint | null];
    if (stored === null && !rebuilt.has(key)) {
      const bare = rows.slice(index).filter(([, bytes]) => bytes === null);
      const keys = bare.slice(0, REBUILT_ROWS).map(([bareKey]) => bareKey as bigint);
      rebuilt = yield* rebuildByKeys(source, plan, keys, mask);
    }
    const made = stored === null ? rebuilt.get(key) : undefined;
    const length = made && !isFault(made) ? made.length : Number(stored);
    const fault = isTooLarge(asked, length, row)
      ? tooLarge(plan, key, length, asked.itemBytesMax)
      : undefined;
    return fault ? { row, key, length: 0, rebuilt: fault } : { row, key, length, rebuilt: made };
  };
}

/** What an item adds to a page; of a row that is left out, its name is. */
function sizeOf(writer: ItemWriter, { row, length, rebuilt }: Item): number {
  if (rebuilt && isFault(rebuilt)) return Buffer.byteLength(rebuilt.resource.name);
  return writer.sizeOf(length, row);
}

/** The bytes of whole messages that are in memory at once while they are cut. */
const CUT_BYTES = 4 * 1024 * 1024;

/** What each item is answered with: its message, cut as the mask says, or why there is none. */
function* answersOf(
  source: PageSource,
  asked: ItemRequest,
  items: readonly Item[],
): Steps<Answer[]> {
  if (asked.mask.isEverything) return yield* messagesOf(source, asked, items);
  const answers: Answer[] = [];
  let some: Item[] = [];
  let bytes = 0;
  for (const item of items) {
    if (some.length > 0 && bytes + item.length > CUT_BYTES) {
      answers.push(...(yield* cutAll(source, asked, some)));
      [some, bytes] = [[], 0];
    }
    some.push(item);
    bytes += item.length;
  }
  answers.push(...(yield* cutAll(source, asked, some)));
  return answers;
}

function* cutAll(source: PageSource, asked: ItemRequest, items: readonly Item[]): Steps<Answer[]> {
  const { plan, mask, writer, itemBytesMax } = asked;
  return (yield* messagesOf(source, asked, items)).map(([row, message]) => {
    if (isFault(message)) return [row, message];
    const cut = cutBytes(plan, message, mask);
    const isSendable = writer.sizeOf(cut.length, row) <= itemBytesMax;
    return [row, isSendable ? cut : tooLarge(plan, row[0] as bigint, cut.length, itemBytesMax)];
  });
}

function* messagesOf(
  { readWires }: PageSource,
  { plan }: ItemRequest,
  items: readonly Item[],
): Steps<Answer[]> {
  const stored = items.filter(({ rebuilt }) => !rebuilt);
  const wires = stored.length > 0 ? (yield* readWires(plan, stored)).values() : [].values();
  return items.map(({ row, key, rebuilt }) => [
    row,
    rebuilt ?? wires.next().value ?? damagedBytes(plan, key),
  ]);
}

function withoutLength(row: Row): Row {
  return [row[0] as bigint, ...row.slice(ITEM_COLUMNS)];
}
