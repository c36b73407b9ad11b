// `protostore.v1.DatabaseService`: tells operators how the database is.
// Must not know SQLite; what it answers is read by the functions that it is given.

import { create } from "@bufbuild/protobuf";
import {
  type BackupDatabaseResponse,
  DatabaseService,
  type DatabaseStatus,
  type ExplainQueryResponse,
  ExplainQueryResponseSchema,
  ExplainQueryResponse_Kind as Kind,
} from "../../gen/protostore/v1/database_service_pb.ts";
import type { Explanation, StepKind } from "../database/explanation.ts";
import { implementService, type Service } from "../handlers/handler.ts";
import type { ExplainRequest } from "../repositories/list.ts";

/**
 * The database service. `readStatus` reads everything afresh and changes nothing; `explainQuery`
 * refuses what List would refuse; `backUp` tells how far it is.
 */
export function databaseService(
  readStatus: () => Promise<DatabaseStatus>,
  explainQuery: (request: ExplainRequest) => Promise<Explanation>,
  backUp: (name: string, signal: AbortSignal) => AsyncIterable<BackupDatabaseResponse>,
): Service {
  return implementService(DatabaseService, {
    async getDatabaseStatus(_request, context) {
      const status = await readStatus();
      context.setRevision(status.revision);
      return status;
    },
    async explainQuery({ resourceType, filter, orderBy }) {
      return toResponse(await explainQuery({ resourceType, filter, orderBy }));
    },
    backupDatabase: ({ name }, { signal }) => backUp(name, signal),
  });
}

const KINDS: Readonly<Record<StepKind, Kind>> = {
  search: Kind.SEARCH,
  "scan-index": Kind.SCAN_INDEX,
  scan: Kind.SCAN,
  sort: Kind.SORT,
};

function toResponse({ steps, estimatedRows, indexed }: Explanation): ExplainQueryResponse {
  return create(ExplainQueryResponseSchema, {
    steps: steps.map(({ kind, resourceType, fields }) => ({
      kind: KINDS[kind],
      resourceType,
      fields: [...fields],
    })),
    estimatedRows,
    indexed,
  });
}
