// What all methods that answer in pages share: page_size, page_token, skip, and what the response has
// after its items. Must not know how rows are found: each method brings its own way to load a page.

import type { DescField, DescMessage, Message } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import type { Page } from "../database/list-request.ts";
import { invalidField } from "../errors.ts";
import type { Limits } from "../limits.ts";
import type { PageTokens } from "../query/page-token.ts";
import { digestPagedRequest } from "../query/request-digest.ts";
import type { RowFault } from "../schema/row-fault.ts";
import type { SqlValue } from "../schema/sql-value.ts";
import type { RowFaults } from "./row-faults.ts";

/** The paging fields of a request and its response. */
export interface PagingMessages {
  readonly request: DescMessage;
  readonly items: DescField;
  readonly nextPageToken: DescField;
  readonly totalSize: DescField | undefined;
  readonly unreachable: DescField | undefined;
}

/** A request that is answered in pages. */
export type PagingRequest = Message & {
  readonly pageSize: number;
  readonly pageToken: string;
  readonly skip?: number;
  readonly includeTotalSize?: boolean;
};

/** Which page to load. */
export interface PageRange {
  readonly after: readonly SqlValue[] | undefined;
  readonly pageSize: number;
  readonly skip: number;
  readonly includeTotalSize: boolean;
}

/** How pages are answered. */
export interface Paging {
  readonly messages: PagingMessages;
  readonly limits: Limits;
  readonly faults: RowFaults;
  pageTokens(): Promise<PageTokens>;
}

/**
 * Answers a request with the page that `load` gives.
 * @throws StoreError INVALID_FIELD for a page_size, page_token or skip that cannot be.
 */
export async function answerPage(
  request: PagingRequest,
  { messages, limits, faults, pageTokens }: Paging,
  load: (range: PageRange) => Promise<Page>,
): Promise<{ bytes: Uint8Array; revision: bigint }> {
  const { pageToken, skip = 0, includeTotalSize = false } = request;
  if (request.pageSize < 0) throw invalidField("page_size", "must not be negative");
  if (skip < 0) throw invalidField("skip", "must not be negative");
  const pageSize = Math.min(request.pageSize || limits.pageSizeDefault, limits.pageSizeMax);
  const digest = digestPagedRequest(messages.request, request);
  const tokens = await pageTokens();
  const after = tokens.open(pageToken, digest);
  const page = await load({ after, pageSize, skip, includeTotalSize });
  const { bytes, next, totalSize, revision } = page;
  const writer = new BinaryWriter();
  if (next) {
    const token = tokens.seal(next, digest);
    writer.tag(messages.nextPageToken.number, WireType.LengthDelimited).string(token);
  }
  if (totalSize !== undefined && messages.totalSize) {
    writer.tag(messages.totalSize.number, WireType.Varint).int32(totalSize);
  }
  writeUnreachable(writer, messages.unreachable, page.unreachable, faults);
  return { bytes: append(bytes, writer.finish()), revision };
}

/**
 * Names the rows that are left out of a response, in its field `unreachable` (AIP-217).
 * @throws StoreError ROW_UNREADABLE, ROW_TOO_LARGE if they must not be left out.
 */
export function writeUnreachable(
  writer: BinaryWriter,
  field: DescField | undefined,
  unreachable: readonly RowFault[],
  faults: RowFaults,
): void {
  if (unreachable.length === 0) return;
  for (const name of faults.leaveOut(unreachable, field !== undefined)) {
    writer.tag(field?.number ?? 0, WireType.LengthDelimited).string(name);
  }
}

/** A page has room for a few fields after its items, so that it is hardly ever copied. */
function append(items: Uint8Array<ArrayBuffer>, fields: Uint8Array): Uint8Array {
  if (fields.length === 0) return items;
  const end = items.byteOffset + items.length;
  if (end + fields.length > items.buffer.byteLength) return Buffer.concat([items, fields]);
  new Uint8Array(items.buffer).set(fields, end);
  return new Uint8Array(items.buffer, items.byteOffset, items.length + fields.length);
}

/** The paging fields of a method's messages; undefined if they are not those of a List. */
export function pagingMessages(
  request: DescMessage,
  response: DescMessage,
  item: DescMessage,
): PagingMessages | undefined {
  const find = (name: string) => response.fields.find((field) => field.name === name);
  const items = response.fields.find(
    (field) => field.fieldKind === "list" && field.message === item,
  );
  const nextPageToken = find("next_page_token");
  const isPaged = ["page_size", "page_token"].every((name) =>
    request.fields.some((field) => field.name === name),
  );
  if (!items || !nextPageToken || !isPaged) return undefined;
  return {
    request,
    items,
    nextPageToken,
    totalSize: find("total_size"),
    unreachable: find("unreachable"),
  };
}
