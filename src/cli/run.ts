// The command line as a whole: each command is in its own file.
// Nothing is decided here but how an error ends the process.

import { Command } from "commander";
import { StoreError } from "../errors.ts";
import { packageVersion } from "../package-root.ts";
import { migrateCommand } from "./migrate.ts";
import type { Program } from "./program.ts";
import { schemaCommand } from "./schema.ts";
import { serveCommand } from "./serve.ts";
import { statusCommand } from "./status.ts";
import { verifyCommand } from "./verify.ts";

/** Runs the command that the process was started with. */
export async function run(program: Program): Promise<void> {
  const command = new Command("protostore")
    .description("A gRPC service that stores protobuf messages in SQLite")
    .version(packageVersion())
    .addCommand(serveCommand(program));
  for (const own of program.commands) command.addCommand(own());
  command
    .addCommand(migrateCommand(program))
    .addCommand(schemaCommand(program))
    .addCommand(verifyCommand(program))
    .addCommand(statusCommand());

  // A reader that has seen enough, as in `protostore migrate plan | head`, is no failure.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit();
  });

  try {
    await command.parseAsync();
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    process.stderr.write(`protostore: ${error.message}\n`);
    process.exitCode = 1;
  }
}
