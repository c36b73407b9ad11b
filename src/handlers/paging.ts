// What all List methods share: page_size, page_token and the response made of rows' own bytes.
// Must not know how rows are found: each method brings its own way to load a page.

import type { DescField, DescMessage, Message } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import type { Limits } from "../config.ts";
import { invalidField } from "../errors.ts";
import { digestRequest, formatPageToken, parsePageToken } from "../query/page-token.ts";
import type { Page } from "../repositories/resource-repository.ts";

/** The paging fields of a List request and its response. */
export interface PagingMessages {
  readonly request: DescMessage;
  readonly items: DescField;
  readonly nextPageToken: DescField;
}

/** A List request, which every List method has these fields of. */
export type PagingRequest = Message & { pageSize: number; pageToken: string };

/**
 * Answers a List request: `load` gets the key to begin after and the number of items.
 * @throws StoreError INVALID_FIELD for a page_size or page_token that cannot be.
 */
export async function answerPage(
  messages: PagingMessages,
  request: PagingRequest,
  limits: Limits,
  load: (after: bigint | null, pageSize: number) => Promise<Page>,
): Promise<{ bytes: Uint8Array; revision: bigint }> {
  if (request.pageSize < 0) throw invalidField("page_size", "must not be negative");
  const pageSize = Math.min(request.pageSize || limits.pageSizeDefault, limits.pageSizeMax);
  const digest = digestRequest(messages.request, request);
  const page = await load(parsePageToken(request.pageToken, digest), pageSize);
  const writer = new BinaryWriter();
  for (const item of page.items) {
    writer.tag(messages.items.number, WireType.LengthDelimited).bytes(item);
  }
  if (page.next !== undefined) {
    const token = formatPageToken(page.next, digest);
    writer.tag(messages.nextPageToken.number, WireType.LengthDelimited).string(token);
  }
  return { bytes: writer.finish(), revision: page.revision };
}

/** The paging fields of a method's messages; undefined if they are not those of a List. */
export function pagingMessages(
  request: DescMessage,
  response: DescMessage,
  item: DescMessage,
): PagingMessages | undefined {
  const items = response.fields.find(
    (field) => field.fieldKind === "list" && field.message === item,
  );
  const nextPageToken = response.fields.find(({ name }) => name === "next_page_token");
  const isPaged = ["page_size", "page_token"].every((name) =>
    request.fields.some((field) => field.name === name),
  );
  return items && nextPageToken && isPaged ? { request, items, nextPageToken } : undefined;
}
