// `protostore.v1.DatabaseService`: tells operators how the database is.
// Must not know SQLite; what it answers is read by the function that it is given.

import {
  DatabaseService,
  type DatabaseStatus,
} from "../../gen/protostore/v1/database_service_pb.ts";
import { implementService, type Service } from "../handlers/handler.ts";

/** The database service; `readStatus` reads everything afresh and changes nothing. */
export function databaseService(readStatus: () => Promise<DatabaseStatus>): Service {
  return implementService(DatabaseService, {
    async getDatabaseStatus(_request, context) {
      const status = await readStatus();
      context.setRevision(status.revision);
      return status;
    },
  });
}
