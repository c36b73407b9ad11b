// The pages of an Export: rows' own bytes, in the order of their keys, each page a snapshot of its
// own. A page is read when it is asked for, so that a slow reader holds no more than it.

import type { DescMessage } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import { ExportResponseSchema } from "../../gen/protostore/v1/store_service_pb.ts";
import type { CallLimits } from "../database/database.ts";
import type { Page } from "../database/list-request.ts";
import type { ItemForm } from "../database/page-request.ts";
import type { SqlValue } from "../schema/sql-value.ts";
import type { ResourceRepository } from "./resource-repository.ts";

/** What an Export asks for. */
export interface ExportQuery {
  /** AIP-160; all rows if empty. */
  readonly filter: string;
  /** The sort values of the row before the first page; absent if it begins with the first row. */
  readonly after: readonly SqlValue[] | undefined;
  /** The most rows of a page. */
  readonly pageRows: number;
  /** The bytes of rows after which a page ends. */
  readonly pageBytes: number;
}

/** Stands before the full name of a message in the `type_url` of an Any. */
const TYPE_URL_PREFIX = "type.googleapis.com/";

/** The rows that the first page asks for. */
const FIRST_PAGE_ROWS = 128;

/**
 * The pages of an Export, at least one: the bytes of each are the field `resources` of ExportResponse.
 * @throws StoreError INVALID_FIELD for a filter that cannot be.
 */
export async function* exportPages(
  repository: ResourceRepository,
  query: ExportQuery,
  call?: CallLimits,
): AsyncGenerator<Page> {
  const { filter, pageBytes } = query;
  const item = itemOf(repository.plan.desc);
  const list = { filter, orderBy: "", pageBytes, skip: 0, includeTotalSize: false, item };
  let { after } = query;
  let pageRows = Math.min(FIRST_PAGE_ROWS, query.pageRows);
  for (;;) {
    const page = await repository.list({ ...list, after, pageSize: pageRows }, call);
    yield page;
    if (!page.next) return;
    after = page.next;
    // Rows beyond those that fit are looked at in vain, so a page asks for few more than fitted before.
    pageRows = Math.min((page.count + page.unreachable.length) * 2, query.pageRows);
  }
}

/** An Any around each resource. */
function itemOf(desc: DescMessage): ItemForm {
  const { field: any } = AnySchema;
  const before = new BinaryWriter()
    .tag(any.typeUrl.number, WireType.LengthDelimited)
    .string(TYPE_URL_PREFIX + desc.typeName)
    .finish();
  const { resources } = ExportResponseSchema.field;
  return {
    field: resources.number,
    envelope: { before, message: any.value.number, after: [] },
  };
}
