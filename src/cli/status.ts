// `protostore status`: asks a running server how its database is.
// Is a client like any other: it never opens the database file.

import { setTimeout as sleep } from "node:timers/promises";
import { toJsonString } from "@bufbuild/protobuf";
import { type Command, Option } from "commander";
import {
  DatabaseService,
  type DatabaseStatus,
  DatabaseStatusSchema,
} from "../../gen/protostore/v1/database_service_pb.ts";
import { systemClock } from "../clock.ts";
import { askServer, type ServerOptions, serverCommand } from "./server-client.ts";
import { parseCount } from "./shared-options.ts";
import { formatStatus } from "./status-table.ts";

const TIMEOUT_MS = 5_000;

/** From the upper left corner on, with nothing below. */
const CLEAR_SCREEN = "\u001b[H\u001b[2J";

interface StatusOptions extends ServerOptions {
  readonly json?: boolean;
  /** In seconds. */
  readonly watch?: number | true;
}

/** The command `status`; it throws StoreError DATABASE_UNAVAILABLE if no server answers. */
export function statusCommand(): Command {
  return serverCommand("status")
    .description("show database, log, schema, backups and load of a running server")
    .option("--json", "print it as GetDatabaseStatus answers it, for programs")
    .addOption(
      new Option("--watch [seconds]", "show it again and again (default: every second)").argParser(
        parseCount,
      ),
    )
    .addHelpText("after", "\nExample:\n  $ protostore status --address 127.0.0.1:50051 --watch")
    .action(async (options: StatusOptions) => {
      const { watch } = options;
      if (watch === undefined) return print(await askStatus(options), options);
      for (;;) {
        const status = await askStatus(options);
        if (process.stdout.isTTY && !options.json) process.stdout.write(CLEAR_SCREEN);
        print(status, options);
        await sleep((watch === true ? 1 : watch) * 1_000);
      }
    });
}

function askStatus(options: ServerOptions): Promise<DatabaseStatus> {
  return askServer(options, (connection) =>
    connection.service(DatabaseService).getDatabaseStatus({}, { timeoutMs: TIMEOUT_MS }),
  );
}

function print(status: DatabaseStatus, { json }: StatusOptions): void {
  const text = json
    ? `${toJsonString(DatabaseStatusSchema, status, { prettySpaces: 2, alwaysEmitImplicit: true })}\n`
    : formatStatus(status, systemClock());
  process.stdout.write(text);
}
