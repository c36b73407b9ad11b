// Reads what DatabaseService reports of a PostgreSQL server, without side effects.
// What the schema should be is not known here.

import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import {
  type DatabaseStatus,
  DatabaseStatusSchema,
} from "../../../gen/protostore/v1/database_service_pb.ts";
import type { Statement } from "../sql/statements.ts";
import type { Session } from "./session.ts";

const STATUS: Statement = {
  sql:
    "SELECT (SELECT revision FROM store_state), current_setting('server_version'), pg_is_in_recovery(), " +
    "current_setting('synchronous_commit'), pg_database_size(current_database()), " +
    "(SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()), " +
    "1000 * extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::double precision",
  parameters: [],
};

/** The status of the database that the session is of. */
export async function readStatus(session: Session): Promise<DatabaseStatus> {
  const [row = []] = await session.all(STATUS);
  const [revision, version, inRecovery, synchronousCommit, size, connections, lagMs] = row;
  return create(DatabaseStatusSchema, {
    revision: revision as bigint,
    postgres: {
      version: String(version).split(" ")[0] ?? "",
      standby: inRecovery === 1n,
      synchronousCommit: String(synchronousCommit),
      connectionCount: Number(connections),
      databaseSizeBytes: size as bigint,
      ...(typeof lagMs === "number" && { replayLag: durationFromMs(Math.round(lagMs)) }),
    },
  });
}
