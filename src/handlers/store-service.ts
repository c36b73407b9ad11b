// protostore.v1.StoreService: Export and Import, for the resources of every type that is served.
// Must not know any of them: what it handles are rows' own bytes.

import { create } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import {
  ExportRequestSchema,
  ExportResponseSchema,
  ImportRequestSchema,
  ImportResponseSchema,
  type StoreService,
} from "../../gen/protostore/v1/store_service_pb.ts";
import type { Page } from "../database/list-request.ts";
import { invalidField, StoreError } from "../errors.ts";
import { digestPagedRequest } from "../query/request-digest.ts";
import { exportPages } from "../repositories/export.ts";
import type { Implementations } from "./handler.ts";
import { importOperations } from "./import-operations.ts";
import { writeUnreachable } from "./paging.ts";
import { commitOptions } from "./request-options.ts";
import type { RowFaults } from "./row-faults.ts";
import type { HandlerTools } from "./services.ts";

/** The methods over the repositories of all resources. */
export function storeMethods(
  tools: HandlerTools,
): Implementations<(typeof StoreService)["method"]> {
  const { database, limits, repositories } = tools;
  const toImport = importOperations(repositories);

  return {
    async *export(request, context) {
      const repository = repositories.find(
        ({ plan }) => plan.resource.type === request.resourceType,
      );
      if (!repository) {
        const types = repositories.map(({ plan }) => plan.resource.type).join(", ");
        throw invalidField("resource_type", `must be one of ${types}`);
      }
      if (request.pageSize < 0) throw invalidField("page_size", "must not be negative");
      const digest = digestPagedRequest(ExportRequestSchema, request);
      const tokens = await tools.pageTokens();
      const query = {
        filter: request.filter,
        after: tokens.open(request.pageToken, digest),
        pageRows: Math.min(request.pageSize || limits.pageSizeMax, limits.pageSizeMax),
        pageBytes: limits.exportPageBytes,
      };
      for await (const page of exportPages(repository, query, context)) {
        context.setRevision(page.revision);
        yield encodePage(page, page.next ? tokens.seal(page.next, digest) : "", tools.faults);
      }
    },

    async import(requests, context) {
      let importedCount = 0n;
      let revision = 0n;
      try {
        for await (const request of requests) {
          const { resources } = request;
          if (resources.length === 0) continue;
          if (resources.length > limits.batchSizeMax) {
            throw invalidField("resources", `must have at most ${limits.batchSizeMax} resources`);
          }
          const operations = resources.map((any, index) => toImport(any, `resources[${index}]`));
          const options = {
            ...commitOptions(ImportRequestSchema, request, context),
            answered: false,
          };
          ({ revision } = await database.commit(operations, options));
          importedCount += BigInt(operations.length);
        }
      } catch (error) {
        throw withImportedCount(error, importedCount);
      }
      if (importedCount > 0n) context.setRevision(revision);
      return create(ImportResponseSchema, { importedCount, revision });
    },
  };
}

function encodePage(
  { bytes, revision, unreachable }: Page,
  nextPageToken: string,
  faults: RowFaults,
): Uint8Array {
  const { field } = ExportResponseSchema;
  const writer = new BinaryWriter().raw(bytes);
  if (nextPageToken !== "") {
    writer.tag(field.nextPageToken.number, WireType.LengthDelimited).string(nextPageToken);
  }
  if (revision !== 0n) writer.tag(field.revision.number, WireType.Varint).int64(revision);
  writeUnreachable(writer, field.unreachable, unreachable, faults);
  return writer.finish();
}

/** Tells, with an error, how many resources the commits before it have imported. */
function withImportedCount(error: unknown, importedCount: bigint): unknown {
  if (!(error instanceof StoreError)) return error;
  const metadata = { imported_count: String(importedCount), ...error.details.metadata };
  return new StoreError(error.code, error.message, { ...error.details, metadata });
}
