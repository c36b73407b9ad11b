#!/usr/bin/env node
// The command line: wiring only. Each command is in its own file under cli/.
// Nothing is decided here but how an error ends the process.

import { Command } from "commander";
import { adoptCommand } from "./cli/adopt.ts";
import { migrateCommand } from "./cli/migrate.ts";
import { serveCommand } from "./cli/serve.ts";
import { statusCommand } from "./cli/status.ts";
import { verifyCommand } from "./cli/verify.ts";
import { StoreError } from "./errors.ts";
import { packageVersion } from "./package-root.ts";

const program = new Command("protostore")
  .description("A gRPC service that stores protobuf messages in SQLite")
  .version(packageVersion())
  .addCommand(serveCommand())
  .addCommand(adoptCommand())
  .addCommand(migrateCommand())
  .addCommand(verifyCommand())
  .addCommand(statusCommand());

// A reader that has seen enough, as in `protostore migrate plan | head`, is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit();
});

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof StoreError)) throw error;
  process.stderr.write(`protostore: ${error.message}\n`);
  process.exitCode = 1;
}
