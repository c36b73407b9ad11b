// The backups of a server: made in a thread when somebody asks, and told of in its status.
// Must not know how a backup is made, nor when.

import { create } from "@bufbuild/protobuf";
import { type Timestamp, timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  type BackupDatabaseResponse,
  BackupDatabaseResponseSchema,
  type DatabaseStatus_Backup,
  DatabaseStatus_BackupSchema,
  BackupDatabaseResponse_Stage as Stage,
} from "../gen/protostore/v1/database_service_pb.ts";
import { systemClock } from "./clock.ts";
import type { BackupConfig, Config } from "./config.ts";
import { nameByTime, requireBackupName } from "./database/sqlite/backup/backup-folder.ts";
import { readBackupKey } from "./database/sqlite/backup/backup-key.ts";
import { runBackup } from "./database/sqlite/backup/backup-worker.ts";
import type { BackupProgress } from "./database/sqlite/backup/make-backup.ts";
import { type BackupManifest, listBackups } from "./database/sqlite/backup/manifest.ts";
import { watchNewest } from "./database/sqlite/backup/newest-backup.ts";
import { isScheduled, removeExpired, scheduledName } from "./database/sqlite/backup/retention.ts";
import { besideDatabase, sweepStaging } from "./database/sqlite/backup/staging.ts";
import type { Definition } from "./definition.ts";
import { StoreError } from "./errors.ts";
import type { ScheduledTask } from "./health/background.ts";
import { type BackupScheduleConfig, startBackupSchedule } from "./health/backup-schedule.ts";
import { dueByCron, dueEvery } from "./health/due-times.ts";
import type { Log } from "./observe/log.ts";

/** What a server does with its backups. */
export interface Backups {
  /** Makes one; named by the time if `name` is empty. Ends with it, or when `signal` aborts. */
  make(name: string, signal: AbortSignal): AsyncGenerator<BackupDatabaseResponse>;
  /** The newest one whose rows were all proved; undefined if there is none. */
  newest(): Promise<DatabaseStatus_Backup | undefined>;
  /** From now on they are where this says. */
  use(config: BackupConfig | undefined): void;
  /**
   * What starts the schedule that `config` has; undefined if it has none.
   * @throws StoreError INVALID_CONFIG
   */
  prepareSchedule(
    config: BackupConfig | undefined,
    log: Log,
  ): Promise<(() => ScheduledTask) | undefined>;
}

/** The backups of the server that `config` is of. @throws StoreError INVALID_CONFIG */
export function createBackups(
  { database, backups: first, limits, migrations }: Config,
  definition: Definition,
): Backups {
  let backups = first;
  const thread = {
    definitions: definition.definitions,
    migrations: migrations ?? definition.migrations,
  };

  const key = backups?.keyFile === undefined ? undefined : readBackupKey(backups.keyFile);
  // A server that was killed may have left the plain copy of a backup.
  if (key) sweepStaging(besideDatabase(database));
  const newest = backups && watchNewest(backups.folder);

  const orderOf = ({ folder }: BackupConfig, name: string) => {
    return { database, folder, name, key, bytesPerSecond: limits.backupBytesPerSecond };
  };

  return {
    async *make(asked, signal) {
      if (!backups) {
        throw new StoreError("BACKUP_UNAVAILABLE", "the server was started without --backup-dir");
      }
      const name = asked === "" ? nameByTime(systemClock()) : asked;
      requireBackupName(name);
      const order = orderOf(backups, name);
      const given = new AbortController();
      const ended = AbortSignal.any([signal, given.signal]);
      // Of what comes faster than it is read, the newest is told.
      let newest: BackupProgress | undefined;
      let wake = () => {};
      const made = runBackup({ order, ...thread }, tell, ended);
      function tell(progress: BackupProgress): void {
        newest = progress;
        wake();
      }
      const over = made.then(
        () => true,
        () => true,
      );
      try {
        for (;;) {
          const isOver = await Promise.race([
            over,
            new Promise<false>((resolve) => {
              wake = () => resolve(false);
              if (newest) wake();
            }),
          ]);
          if (isOver) break;
          if (newest) yield toProgress(newest);
          newest = undefined;
        }
        yield toFinished(await made);
      } finally {
        // The caller may have gone away between two answers.
        given.abort();
        await over;
      }
    },

    async newest() {
      const manifest = await newest?.();
      return manifest && toBackup(manifest);
    },

    use(config) {
      backups = config;
    },

    async prepareSchedule(own, log) {
      if (!own) return undefined;
      const { folder, intervalMs, schedule, keep = [] } = own;
      if (intervalMs === undefined && schedule === undefined) return undefined;
      const due =
        schedule === undefined
          ? dueEvery(intervalMs ?? 0)
          : await dueByCron(schedule, "--backup-schedule");
      const config: BackupScheduleConfig = {
        log,
        async lastMs() {
          const last = (await listBackups(folder)).find(isScheduled);
          return last && Date.parse(last.createTime);
        },
        make(signal) {
          const order = orderOf(own, scheduledName(systemClock()));
          return runBackup({ order, ...thread }, () => {}, signal);
        },
        removeExpired: () => removeExpired(folder, keep, systemClock()),
      };
      return () => startBackupSchedule(due, config);
    },
  };
}

const STAGES: Readonly<Record<BackupProgress["stage"], Stage>> = {
  copying: Stage.COPYING,
  verifying: Stage.VERIFYING,
};

function toProgress({ stage, done, total }: BackupProgress): BackupDatabaseResponse {
  const counts = { done: BigInt(done), total: BigInt(total) };
  return create(BackupDatabaseResponseSchema, { stage: STAGES[stage], ...counts });
}

function toFinished(manifest: BackupManifest): BackupDatabaseResponse {
  const rows = BigInt(Object.values(manifest.rows).reduce((sum, count) => sum + count, 0));
  const facts = { stage: Stage.FINISHED, done: rows, total: rows, backup: toBackup(manifest) };
  return create(BackupDatabaseResponseSchema, facts);
}

function toBackup(manifest: BackupManifest): DatabaseStatus_Backup {
  return create(DatabaseStatus_BackupSchema, {
    name: manifest.name,
    createTime: toTimestamp(manifest.createTime),
    proofTime: toTimestamp(manifest.proofTime),
    revision: BigInt(manifest.revision),
    sizeBytes: BigInt(manifest.bytes),
  });
}

function toTimestamp(text: string): Timestamp {
  return timestampFromDate(new Date(text));
}
