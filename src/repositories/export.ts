// The pages of an Export: rows' own bytes, in the order of their keys, each page a snapshot of its
// own. A page is read when it is asked for, so that a slow reader holds no more than it.

import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import { ExportResponseSchema } from "../../gen/protostore/v1/store_service_pb.ts";
import type { CallLimits } from "../database/database.ts";
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

/** One page of an Export. */
export interface ExportPage {
  /** The field `resources` of ExportResponse, encoded. */
  readonly resources: Uint8Array;
  readonly rowCount: number;
  /** The sort values of the last row; absent if no page follows. */
  readonly next: readonly SqlValue[] | undefined;
  readonly revision: bigint;
}

/** Stands before the full name of a message in the `type_url` of an Any. */
const TYPE_URL_PREFIX = "type.googleapis.com/";

/** The rows that the first page asks for. */
const FIRST_PAGE_ROWS = 128;

/**
 * The pages of an Export, at least one.
 * @throws StoreError INVALID_FIELD for a filter that cannot be.
 */
export async function* exportPages(
  repository: ResourceRepository,
  query: ExportQuery,
  call?: CallLimits,
): AsyncGenerator<ExportPage> {
  let { after } = query;
  let pageRows = Math.min(FIRST_PAGE_ROWS, query.pageRows);
  for (;;) {
    const page = await readPage(repository, { ...query, after, pageRows }, call);
    yield page;
    if (!page.next) return;
    after = page.next;
    // Rows beyond those that fit are read in vain, so a page asks for few more than fitted before.
    pageRows = Math.min(page.rowCount * 2, query.pageRows);
  }
}

async function readPage(
  repository: ResourceRepository,
  { filter, after, pageRows, pageBytes }: ExportQuery,
  call?: CallLimits,
): Promise<ExportPage> {
  const page = await repository.list(
    {
      filter,
      orderBy: "",
      pageSize: pageRows,
      pageBytes,
      skip: 0,
      after,
      includeTotalSize: false,
    },
    call,
  );
  const { field: any } = AnySchema;
  const type = new BinaryWriter()
    .tag(any.typeUrl.number, WireType.LengthDelimited)
    .string(TYPE_URL_PREFIX + repository.plan.desc.typeName)
    .finish();
  const writer = new BinaryWriter();
  for (const item of page.items) {
    writer.tag(ExportResponseSchema.field.resources.number, WireType.LengthDelimited).fork();
    writer.raw(type).tag(any.value.number, WireType.LengthDelimited).bytes(item).join();
  }
  const { next, revision } = page;
  return { resources: writer.finish(), rowCount: page.items.length, next, revision };
}
