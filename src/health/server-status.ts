// What DatabaseService reports of the server's own process.
// Measures nothing itself: it is given what does.

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type Duration, DurationSchema, durationFromMs } from "@bufbuild/protobuf/wkt";
import {
  type DatabaseStatus_DelaysSchema,
  type DatabaseStatus_Server,
  DatabaseStatus_ServerSchema,
} from "../../gen/protostore/v1/database_service_pb.ts";
import type { QueueLengths } from "../database/database.ts";
import type { StoreError } from "../errors.ts";
import type { Delays, EventLoopMetrics } from "../observe/event-loop.ts";

/** The status of the process at this moment; `refusal` is what calls are refused with. */
export function readServerStatus(
  metrics: EventLoopMetrics,
  queues: QueueLengths,
  unreadableRows: bigint,
  refusal: StoreError | undefined,
): DatabaseStatus_Server {
  return create(DatabaseStatus_ServerSchema, {
    uptime: durationFromMs(Math.round(metrics.uptimeMs())),
    eventLoopDelay: toDelays(metrics.delay()),
    mainThreadStatement: toDelays(metrics.statements()),
    residentMemoryBytes: BigInt(process.memoryUsage.rss()),
    ...queues,
    unreadableRows,
    notServingReason: refusal?.message ?? "",
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
