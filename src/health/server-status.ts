// What DatabaseService reports of the server's own process.
// Measures nothing itself: it is given what does.

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type Duration, DurationSchema, durationFromMs } from "@bufbuild/protobuf/wkt";
import {
  type DatabaseStatus_ChangesSchema,
  type DatabaseStatus_DelaysSchema,
  type DatabaseStatus_Server,
  DatabaseStatus_ServerSchema,
} from "../../gen/protostore/v1/database_service_pb.ts";
import type { ChangeCount, ChangeKind } from "../database/change.ts";
import type { QueueLengths } from "../database/database.ts";
import type { StoreError } from "../errors.ts";
import type { Delays, EventLoopMetrics } from "../observe/event-loop.ts";

/** What a database counts. */
export interface DatabaseFigures {
  queues(): QueueLengths;
  changes(): readonly ChangeCount[];
}

/** The status of the process at this moment; `refusal` is what calls are refused with. */
export function readServerStatus(
  metrics: EventLoopMetrics,
  database: DatabaseFigures,
  unreadableRows: bigint,
  refusal: StoreError | undefined,
  limitRefusals: ReadonlyMap<string, number> = new Map(),
): DatabaseStatus_Server {
  return create(DatabaseStatus_ServerSchema, {
    uptime: durationFromMs(Math.round(metrics.uptimeMs())),
    eventLoopDelay: toDelays(metrics.delay()),
    mainThreadStatement: toDelays(metrics.statements()),
    residentMemoryBytes: BigInt(process.memoryUsage.rss()),
    ...database.queues(),
    unreadableRows,
    notServingReason: refusal?.message ?? "",
    changes: toChanges(database.changes()),
    limitRefusals: Object.fromEntries(
      [...limitRefusals].map(([limit, count]) => [limit, BigInt(count)]),
    ),
  });
}

function toChanges(
  counts: readonly ChangeCount[],
): MessageInitShape<typeof DatabaseStatus_ChangesSchema>[] {
  return [...Map.groupBy(counts, ({ type }) => type)].map(([resourceType, own]) => {
    const rowsOf = (wanted: ChangeKind) =>
      BigInt(own.find(({ kind }) => kind === wanted)?.rows ?? 0);
    return {
      resourceType,
      createdCount: rowsOf("create"),
      updatedCount: rowsOf("update"),
      deletedCount: rowsOf("delete"),
    };
  });
}

function toDelays(delays: Delays): MessageInitShape<typeof DatabaseStatus_DelaysSchema> {
  return {
    p50: toDuration(delays.p50Ns),
    p99: toDuration(delays.p99Ns),
    max: toDuration(delays.maxNs),
    count: BigInt(delays.count),
  };
}

const NANOS_PER_SECOND = 1_000_000_000;

function toDuration(ns: number): Duration {
  const seconds = BigInt(Math.floor(ns / NANOS_PER_SECOND));
  return create(DurationSchema, { seconds, nanos: Math.floor(ns % NANOS_PER_SECOND) });
}
