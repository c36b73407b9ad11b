// The status of a server for people: a line for each thing, with its figures in words.
// Pure; must leave out what a status does not have.

import { enumToJson } from "@bufbuild/protobuf";
import { type Duration, durationMs, type Timestamp, timestampMs } from "@bufbuild/protobuf/wkt";
import {
  type DatabaseStatus,
  DatabaseStatus_Condition_KindSchema as KindSchema,
  DatabaseStatus_SynchronousSchema as SynchronousSchema,
} from "../../gen/protostore/v1/database_service_pb.ts";

type Line = readonly [label: string, text: string];
type Lines = readonly (Line | undefined | false)[];

/** The lines, each with its end. `nowMs` is the time of the look, in milliseconds since the epoch. */
export function formatStatus(status: DatabaseStatus, nowMs: number): string {
  const lines: Lines = [
    ["serving", servingOf(status)],
    ["revision", String(status.revision)],
    ...schemaLines(status),
    ...databaseLines(status, nowMs),
    ...serverLines(status),
    ...backgroundLines(status, nowMs),
    ...status.conditions.map(
      ({ kind, message }): Line => [String(enumToJson(KindSchema, kind)), message],
    ),
  ];
  const found = lines.filter((line) => line !== undefined && line !== false);
  const width = Math.max(...found.map(([label]) => label.length)) + 2;
  return found.map(([label, text]) => `${label.padEnd(width)}${text}\n`).join("");
}

function servingOf({ server }: DatabaseStatus): string {
  const reason = server?.notServingReason ?? "";
  return reason === "" ? "yes" : `no: ${reason}`;
}

function schemaLines({ schema }: DatabaseStatus): Lines {
  if (!schema) return [];
  const { version, expectedVersion, dirty, differences, derivation } = schema;
  return [
    ["schema", `version ${version} of ${expectedVersion}${dirty ? ", unfinished" : ""}`],
    ...differences.map((difference): Line => ["", difference]),
    derivation &&
      !derivation.finished && ["derived", `${derivation.rowsDone} of ${derivation.rowsTotal} rows`],
  ];
}

function databaseLines({ connection, storage, wal, postgres }: DatabaseStatus, now: number): Lines {
  return [
    connection && [
      "database",
      [
        `SQLite ${connection.sqliteVersion}`,
        connection.readOnly
          ? "read-only"
          : `synchronous ${enumToJson(SynchronousSchema, connection.synchronous)}`,
      ].join(", "),
    ],
    storage && [
      "file",
      `${bytes(storage.databaseSizeBytes)}, ${storage.freelistCount} of ${storage.pageCount} pages free`,
    ],
    wal && [
      "log",
      `${bytes(wal.sizeBytes)}, ${wal.pendingFrames} of ${wal.frames} frames to copy, last copied ${ago(wal.lastCheckpointTime, now)}`,
    ],
    wal?.hold && ["held", `by processes ${wal.hold.processIds.join(", ") || "of the server"}`],
    postgres && [
      "database",
      `PostgreSQL ${postgres.version}, synchronous_commit ${postgres.synchronousCommit}${postgres.fsync ? "" : ", fsync off"}${postgres.standby ? ", a standby" : ""}`,
    ],
    postgres && [
      "size",
      `${bytes(postgres.databaseSizeBytes)}, ${postgres.connectionCount} connections`,
    ],
    ...(postgres?.replicas ?? []).map(
      ({ address, used, staleness, unusedReason }): Line => [
        "replica",
        `${address}, ${used ? `at most ${time(staleness)} old` : `not read from: ${unusedReason}`}`,
      ],
    ),
  ];
}

function serverLines({ server }: DatabaseStatus): Lines {
  if (!server) return [];
  const { uptime, residentMemoryBytes, eventLoopDelay, queuedCommits, queuedReads } = server;
  const refusals = Object.entries(server.limitRefusals).filter(([, count]) => count > 0n);
  return [
    ["uptime", time(uptime)],
    ["memory", bytes(residentMemoryBytes)],
    [
      "delay",
      `p50 ${time(eventLoopDelay?.p50)}, p99 ${time(eventLoopDelay?.p99)}, most ${time(eventLoopDelay?.max)}`,
    ],
    ["waiting", `${queuedCommits} commits, ${queuedReads} reads`],
    server.unreadableRows > 0n && ["unreadable", `${server.unreadableRows} rows`],
    ...server.changes.map(
      ({ resourceType, createdCount, updatedCount, deletedCount }): Line => [
        resourceType.split("/").at(-1) ?? resourceType,
        `${createdCount} created, ${updatedCount} updated, ${deletedCount} deleted`,
      ],
    ),
    ...refusals.map(([limit, count]): Line => [limit, `refused ${count}`]),
  ];
}

function backgroundLines({ backup, scrub, fill }: DatabaseStatus, now: number): Lines {
  return [
    backup && [
      "backup",
      `${backup.name}, ${bytes(backup.sizeBytes)}, made ${ago(backup.createTime, now)}, proved ${ago(backup.proofTime, now)}`,
    ],
    scrub && [
      "scrubbed",
      `${scrub.checkedRowCount} of ${scrub.rowCount} rows, ${scrub.findingCount} findings`,
    ],
    fill &&
      fill.pendingRowCount + fill.leftRowCount > 0n && [
        "filled",
        `${fill.filledRowCount} rows, ${fill.pendingRowCount} to do, ${fill.leftRowCount} left`,
      ],
  ];
}

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

/** `12.3 MiB` */
function bytes(count: bigint): string {
  let value = Number(count);
  let unit = 0;
  for (; value >= 1024 && unit < UNITS.length - 1; unit++) value /= 1024;
  return `${unit === 0 ? value : value.toFixed(1)} ${UNITS[unit]}`;
}

/** `1.5 ms`, `12 s`, `3 h` */
function time(duration: Duration | undefined): string {
  return milliseconds(duration ? durationMs(duration) : 0);
}

function ago(then: Timestamp | undefined, nowMs: number): string {
  return then ? `${milliseconds(nowMs - timestampMs(then))} ago` : "never";
}

function milliseconds(ms: number): string {
  if (ms < 1_000) return `${ms.toFixed(1)} ms`;
  if (ms < 120_000) return `${(ms / 1_000).toFixed(0)} s`;
  if (ms < 7_200_000) return `${(ms / 60_000).toFixed(0)} min`;
  if (ms < 172_800_000) return `${(ms / 3_600_000).toFixed(0)} h`;
  return `${(ms / 86_400_000).toFixed(0)} days`;
}
