// The command line as a whole: each command is in its own file.
// Nothing is decided here but how an error ends the process.

import { Command } from "commander";
import { adoptCommand } from "../chinook/adopt/command.ts";
import { StoreError } from "../errors.ts";
import { packageVersion } from "../package-root.ts";
import { migrateCommand } from "./migrate.ts";
import { schemaCommand } from "./schema.ts";
import { serveCommand } from "./serve.ts";
import { statusCommand } from "./status.ts";
import { verifyCommand } from "./verify.ts";

/** Runs the command that the process was started with. */
export async function run(): Promise<void> {
  const program = new Command("protostore")
    .description("A gRPC service that stores protobuf messages in SQLite")
    .version(packageVersion())
    .addCommand(serveCommand())
    .addCommand(adoptCommand())
    .addCommand(migrateCommand())
    .addCommand(schemaCommand())
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
}
