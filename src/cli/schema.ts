// `protostore schema`: what a database knows of the messages in it.
// Reads only; the descriptors are kept by ../database/sqlite/descriptors/schema-store.ts.

import { writeFileSync } from "node:fs";
import { Command } from "commander";
import { readSchemaState, readStoredImage } from "../database/sqlite/descriptors/schema-store.ts";
import { nameDatabase, openForReading } from "../database/sqlite/migrate/target.ts";
import { StoreError } from "../errors.ts";
import type { Program } from "./program.ts";
import { databaseOption } from "./shared-options.ts";

/** The command `schema` with its own commands; they throw StoreError. */
export function schemaCommand(program: Program): Command {
  return new Command("schema")
    .description("look at the descriptors of the stored messages")
    .addCommand(
      new Command("export")
        .description("write the descriptors to a new file, as an image that buf and protoc read")
        .argument("<file>", "for example schema.binpb")
        .addOption(databaseOption(program))
        .addHelpText(
          "after",
          "\nExample:\n  $ protostore schema export schema.binpb --database store.db\n" +
            "  $ buf breaking proto --against schema.binpb --exclude-imports",
        )
        .action(exportSchema),
    );
}

function exportSchema(file: string, { database }: { readonly database: string }): void {
  const image = readCurrentImage(database);
  try {
    writeFileSync(file, image, { flag: "wx" });
  } catch (cause) {
    const isThere = (cause as NodeJS.ErrnoException).code === "EEXIST";
    const reason = isThere ? "is there already" : "cannot be written";
    throw new StoreError("INVALID_CONFIG", `${file} ${reason}`, { cause });
  }
  process.stdout.write(`${file}: ${image.length} bytes\n`);
}

function readCurrentImage(path: string): Uint8Array {
  const connection = openForReading(path);
  try {
    const current = readSchemaState(connection)?.current ?? undefined;
    const image = current === undefined ? undefined : readStoredImage(connection, current);
    if (image) return image;
    const reason = "the database has no descriptors: a server stores them when it starts";
    throw new StoreError("UNMANAGED_DATABASE", reason);
  } catch (error) {
    throw nameDatabase(path, error);
  } finally {
    connection.close();
  }
}
