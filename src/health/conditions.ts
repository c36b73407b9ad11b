// What an operator should look at while calls are answered all the same, from the figures of a status.
// Measures nothing but the room on the disk.

import { statfs } from "node:fs/promises";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import {
  type DatabaseStatus,
  type DatabaseStatus_Condition,
  DatabaseStatus_ConditionSchema,
  DatabaseStatus_Condition_Kind as Kind,
} from "../../gen/protostore/v1/database_service_pb.ts";
import { systemClock } from "../clock.ts";
import type { Config } from "../config.ts";

type Condition = MessageInitShape<typeof DatabaseStatus_ConditionSchema>;

/** What is known of the server beside its status. */
export interface ServerSetup
  extends Pick<Config, "tls" | "access" | "readOnly" | "backups" | "limits"> {
  /** Whether other machines can connect to it. */
  readonly isPublic: boolean;
}

/** What is measured beside its status. */
export interface Surroundings {
  /** The room on the disk, in bytes. */
  readonly freeBytes: number;
  /** The time now and that of the newest write, if there is one, in milliseconds since the epoch. */
  readonly nowMs: number;
  readonly newestWriteMs?: number | undefined;
}

/** Clocks are set right by less than this all the time. */
const CLOCK_TOLERANCE_MS = 2_000;

/** As much of the queue of commits may be taken before somebody should know. */
const QUEUE_SHARE = 0.8;

/** The conditions of a server that was set up so, now that its status is this. */
export function findConditions(
  status: Pick<DatabaseStatus, "wal" | "connection" | "server" | "scrub" | "backup">,
  { isPublic, tls, access, readOnly, backups, limits }: ServerSetup,
  { freeBytes, nowMs, newestWriteMs = nowMs }: Surroundings,
): DatabaseStatus_Condition[] {
  const { wal, connection, server, scrub } = status;
  const sizeBytes = Number(wal?.sizeBytes ?? 0);
  const queued = server?.queuedCommits ?? 0;
  const findings = scrub?.findingCount ?? 0n;
  const all: readonly (false | undefined | Condition)[] = [
    isPublic && !tls && { kind: Kind.INSECURE_TRANSPORT, message: "other machines can read along" },
    isPublic && !access && { kind: Kind.OPEN_ACCESS, message: "whoever can connect may do all" },
    sizeBytes > limits.walSizeBytes && {
      kind: Kind.LOG_LARGE,
      message: `the log has ${sizeBytes} bytes, its bound is ${limits.walSizeBytes}`,
    },
    wal?.hold && {
      kind: Kind.CHECKPOINT_STARVED,
      message: `${wal.pendingFrames} frames of the log wait for a read transaction to end`,
    },
    connection?.readOnly === true &&
      !readOnly && { kind: Kind.READ_ONLY_MEDIA, message: "the disk is read-only" },
    freeBytes < limits.diskFreeBytes && {
      kind: Kind.DISK_NEARLY_FULL,
      message: `the disk has ${freeBytes} bytes left, fewer than ${limits.diskFreeBytes}`,
    },
    findings > 0n && {
      kind: Kind.ROWS_DAMAGED,
      message: `the scrubber has found ${findings} faults`,
    },
    queued >= limits.commitQueueMax * QUEUE_SHARE && {
      kind: Kind.WRITES_WAITING,
      message: `${queued} commits wait, ${limits.commitQueueMax} can`,
    },
    newestWriteMs > nowMs + CLOCK_TOLERANCE_MS && {
      kind: Kind.CLOCK_BEHIND,
      message: `the clock is ${Math.round(newestWriteMs - nowMs)} ms behind the newest write`,
    },
    backups !== undefined && oldBackup(status.backup, limits.backupAgeMs),
  ];
  return all.flatMap((one) => (one ? [create(DatabaseStatus_ConditionSchema, one)] : []));
}

/** Undefined if there is a backup that is young enough, or none has to be. */
function oldBackup(newest: DatabaseStatus["backup"], ageMsMax: number): Condition | undefined {
  if (ageMsMax === 0) return undefined;
  if (!newest?.createTime) return { kind: Kind.BACKUP_OLD, message: "there is no backup" };
  const ageMs = systemClock() - timestampMs(newest.createTime);
  if (ageMs <= ageMsMax) return undefined;
  return {
    kind: Kind.BACKUP_OLD,
    message: `the newest backup is ${ageMs} ms old, more than ${ageMsMax}`,
  };
}

/** The room on the disk of a file, for whoever is not root, in bytes; unlimited if that cannot be asked. */
export async function freeBytesAt(path: string): Promise<number> {
  try {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
