// Reads what DatabaseService reports of a PostgreSQL server, without side effects.
// What the schema should be is not known here.

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import {
  type DatabaseStatus,
  type DatabaseStatus_ReplicaSchema,
  DatabaseStatusSchema,
} from "../../../gen/protostore/v1/database_service_pb.ts";
import type { Durability } from "../../config.ts";
import type { Statement } from "../sql/statements.ts";
import { synchronousCommit } from "./durability.ts";
import type { Session } from "./session.ts";

const statusOf = (durability: Durability): Statement => ({
  sql:
    "SELECT (SELECT revision FROM store_state), current_setting('server_version'), pg_is_in_recovery(), " +
    `${synchronousCommit(durability)}, current_setting('fsync')::boolean, ` +
    "pg_database_size(current_database()), " +
    "(SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()), " +
    "1000 * extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::double precision",
  parameters: [],
});

/** The status of the database that the session is of, that is written with this durability, and of its replicas. */
export async function readStatus(
  session: Session,
  durability: Durability,
  replicas: MessageInitShape<typeof DatabaseStatus_ReplicaSchema>[],
): Promise<DatabaseStatus> {
  const [row = []] = await session.all(statusOf(durability));
  const [revision, version, inRecovery, waitsFor, fsync, size, connections, lagMs] = row;
  return create(DatabaseStatusSchema, {
    revision: revision as bigint,
    postgres: {
      version: String(version).split(" ")[0] ?? "",
      standby: inRecovery === 1n,
      synchronousCommit: String(waitsFor),
      fsync: fsync === 1n,
      connectionCount: Number(connections),
      databaseSizeBytes: size as bigint,
      replicas,
      ...(typeof lagMs === "number" && { replayLag: durationFromMs(Math.round(lagMs)) }),
    },
  });
}
