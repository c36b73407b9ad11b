// `protostore status`: asks a running server how its database is.
// Is a client like any other: it never opens the database file.

import { toJsonString } from "@bufbuild/protobuf";
import type { Command } from "commander";
import {
  DatabaseService,
  DatabaseStatusSchema,
} from "../../gen/protostore/v1/database_service_pb.ts";
import { askServer, type ServerOptions, serverCommand } from "./server-client.ts";

const TIMEOUT_MS = 5_000;

/** The command `status`; it throws StoreError DATABASE_UNAVAILABLE if no server answers. */
export function statusCommand(): Command {
  return serverCommand("status")
    .description("show connection, write-ahead log, schema and sizes of a running server")
    .addHelpText("after", "\nExample:\n  $ protostore status --address 127.0.0.1:50051")
    .action(async (options: ServerOptions) => {
      const status = await askServer(options, (connection) =>
        connection.service(DatabaseService).getDatabaseStatus({}, { timeoutMs: TIMEOUT_MS }),
      );
      const json = { prettySpaces: 2, alwaysEmitImplicit: true };
      process.stdout.write(`${toJsonString(DatabaseStatusSchema, status, json)}\n`);
    });
}
