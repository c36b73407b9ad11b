// `protostore checkpoint`: has a running server copy its log into the database file.
// Is a client like any other: it never opens the database file.

import { type Command, Option } from "commander";
import {
  DatabaseService,
  CheckpointDatabaseRequest_Mode as Mode,
} from "../../gen/protostore/v1/database_service_pb.ts";
import { StoreError } from "../errors.ts";
import { askServer, type ServerOptions, serverCommand } from "./server-client.ts";

const MODES = {
  passive: Mode.PASSIVE,
  full: Mode.FULL,
  restart: Mode.RESTART,
  truncate: Mode.TRUNCATE,
} as const;

/** The command `checkpoint`; it throws StoreError DATABASE_UNAVAILABLE if others need the log. */
export function checkpointCommand(): Command {
  return serverCommand("checkpoint")
    .description("have a running server copy its write-ahead log into the database file")
    .addOption(
      new Option("--mode <mode>", "how far to go, as SQLite has it")
        .choices(Object.keys(MODES))
        .default("passive"),
    )
    .action(async ({ mode, ...server }: ServerOptions & { readonly mode: keyof typeof MODES }) => {
      const { blocked, frames, checkpointedFrames } = await askServer(server, (connection) =>
        connection.service(DatabaseService).checkpointDatabase({ mode: MODES[mode] }),
      );
      process.stdout.write(`${checkpointedFrames} of ${frames} frames of the log are copied\n`);
      if (!blocked) return;
      const reason = "a read transaction or another program needs the log";
      throw new StoreError("DATABASE_UNAVAILABLE", `it did not go as far as asked: ${reason}`);
    });
}
