// The figures of the newest backup; there are none while there is no backup.
// Must not look for it.

import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { DatabaseStatus_Backup } from "../../gen/protostore/v1/database_service_pb.ts";
import { type Family, gauge, value } from "./families.ts";

/** When it was made and proved, in seconds since the epoch, and its size. All processes see the same. */
export function backupFamilies(newest: DatabaseStatus_Backup | undefined): readonly Family[] {
  const { createTime, proofTime, sizeBytes } = newest ?? {};
  const seconds = (at: typeof createTime) => (at ? [value(timestampMs(at) / 1_000)] : []);
  return [
    gauge(
      "protostore_backup_create_timestamp_seconds",
      "When the newest backup was made.",
      seconds(createTime),
      "max",
    ),
    gauge(
      "protostore_backup_proof_timestamp_seconds",
      "When all rows of the newest backup were last found to be right.",
      seconds(proofTime),
      "max",
    ),
    gauge(
      "protostore_backup_size_bytes",
      "The size of the newest backup.",
      sizeBytes === undefined ? [] : [value(Number(sizeBytes))],
      "max",
    ),
  ];
}
