// `protostore.v1.DatabaseService`: tells operators how the database is.
// Must not know SQLite; what it answers is read by the functions that it is given.

import { create } from "@bufbuild/protobuf";
import {
  type BackupDatabaseResponse,
  CheckpointDatabaseResponseSchema,
  DatabaseService,
  type DatabaseStatus,
  type ExplainQueryResponse,
  ExplainQueryResponseSchema,
  ExplainQueryResponse_Kind as Kind,
  type MaintainDatabaseResponse,
  CheckpointDatabaseRequest_Mode as Mode,
} from "../../gen/protostore/v1/database_service_pb.ts";
import type { Checkpoint, CheckpointMode } from "../database/checkpoint.ts";
import type { Explanation, StepKind } from "../database/explanation.ts";
import type { MaintenanceOrder } from "../database/maintenance.ts";
import { invalidField } from "../errors.ts";
import { implementService, type Service } from "../handlers/handler.ts";
import type { ExplainRequest } from "../repositories/list.ts";

/** What the database service is made of. */
export interface DatabaseTools {
  /** Reads everything afresh, and changes nothing. */
  readonly readStatus: () => Promise<DatabaseStatus>;
  /** Refuses what List would refuse. */
  readonly explainQuery: (request: ExplainRequest) => Promise<Explanation>;
  /** Copies the log into the database, as far as it goes without waiting. */
  readonly checkpoint: (mode: CheckpointMode) => Promise<Checkpoint>;
  /** Makes a backup of this name, and tells how far it is. */
  readonly backUp: (name: string, signal: AbortSignal) => AsyncIterable<BackupDatabaseResponse>;
  /** Puts the file in order, and tells how far it is. */
  readonly maintain: (
    order: MaintenanceOrder,
    signal: AbortSignal,
  ) => AsyncIterable<MaintainDatabaseResponse>;
}

/** The database service. */
export function databaseService({
  readStatus,
  explainQuery,
  checkpoint,
  backUp,
  maintain,
}: DatabaseTools): Service {
  return implementService(DatabaseService, {
    async getDatabaseStatus(_request, context) {
      const status = await readStatus();
      context.setRevision(status.revision);
      return status;
    },
    async checkpointDatabase({ mode }) {
      const { blocked, frames, checkpointedFrames } = await checkpoint(toModeName(mode));
      return create(CheckpointDatabaseResponseSchema, {
        blocked,
        frames: BigInt(frames),
        checkpointedFrames: BigInt(checkpointedFrames),
      });
    },
    async explainQuery({ resourceType, filter, orderBy }) {
      return toResponse(await explainQuery({ resourceType, filter, orderBy }));
    },
    backupDatabase: ({ name }, { signal }) => backUp(name, signal),
    maintainDatabase: ({ vacuum, purge, forgetRequests }, { signal }) =>
      maintain({ vacuum, purge, forgetRequests }, signal),
  });
}

function toModeName(mode: Mode): CheckpointMode {
  switch (mode) {
    case Mode.MODE_UNSPECIFIED:
    case Mode.PASSIVE:
      return "PASSIVE";
    case Mode.FULL:
      return "FULL";
    case Mode.RESTART:
      return "RESTART";
    case Mode.TRUNCATE:
      return "TRUNCATE";
    default:
      throw invalidField("mode", "is no mode of a checkpoint");
  }
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
