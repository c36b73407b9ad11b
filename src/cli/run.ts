// The command line as a whole: each command is in its own file.
// Nothing is decided here but how an error ends the process.

import { Command } from "commander";
import { withoutPassword } from "../database/postgres/url.ts";
import { StoreError } from "../errors.ts";
import { packageVersion } from "../package-root.ts";
import type { Commands, Program } from "./program.ts";

/** Runs the command that the process was started with. */
export async function run(program: Program): Promise<void> {
  hidePasswords();
  const command = new Command("protostore")
    .description("A gRPC service that stores protobuf messages in SQLite")
    .version(packageVersion());
  for (const one of await loadCommands(program)) command.addCommand(one);

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

/** The list of processes has the command line, which all users of the machine can read. */
function hidePasswords(): void {
  const [, ...given] = process.argv;
  const shown = given.map((each) => each.replace(/postgres(?:ql)?:\/\/.*/s, withoutPassword));
  if (shown.join() !== given.join()) process.title = [process.title, ...shown].join(" ");
}

/** The command that is asked for, or else all of them: a server does not wait for the code of others. */
async function loadCommands(program: Program): Promise<readonly Command[]> {
  const all = new Map(Object.entries(commandsOf(program)));
  const asked = all.get(process.argv[2] ?? "");
  return asked ? [await asked()] : Promise.all([...all.values()].map((load) => load()));
}

function commandsOf(program: Program): Commands {
  return {
    serve: async () => (await import("./serve.ts")).serveCommand(program),
    ...program.commands,
    migrate: async () => (await import("./migrate.ts")).migrateCommand(program),
    schema: async () => (await import("./schema.ts")).schemaCommand(program),
    verify: async () => (await import("./verify.ts")).verifyCommand(program),
    backup: async () => (await import("./backup.ts")).backupCommand(program),
    restore: async () => (await import("./restore.ts")).restoreCommand(program),
    copy: async () => (await import("./copy.ts")).copyCommand(program),
    config: async () => (await import("./config.ts")).configCommand(program),
    checkpoint: async () => (await import("./checkpoint.ts")).checkpointCommand(),
    maintain: async () => (await import("./maintain.ts")).maintainCommand(),
    purge: async () => (await import("./purge.ts")).purgeCommand(),
    token: async () => (await import("./token.ts")).tokenCommand(),
    status: async () => (await import("./status.ts")).statusCommand(),
  };
}
