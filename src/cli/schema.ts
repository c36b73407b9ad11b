// `protostore schema`: what a database knows of the messages in it.
// Reads only; the descriptors are kept by each driver's descriptors.

import { writeFileSync } from "node:fs";
import { Command } from "commander";
import { isPostgresUrl, withoutPassword } from "../database/postgres/url.ts";
import { readSchemaState, readStoredImage } from "../database/sqlite/descriptors/schema-store.ts";
import { nameDatabase, openForReading } from "../database/sqlite/migrate/target.ts";
import { StoreError } from "../errors.ts";
import { DEFAULT_LIMITS } from "../limits.ts";
import { parseMigratedDatabase } from "./database-path.ts";
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
        .addOption(
          databaseOption(program, "the database file, or postgres://…", parseMigratedDatabase),
        )
        .addHelpText(
          "after",
          "\nExample:\n  $ protostore schema export schema.binpb --database store.db\n" +
            "  $ buf breaking proto --against schema.binpb --exclude-imports",
        )
        .action(exportSchema),
    );
}

async function exportSchema(file: string, { database }: { readonly database: string }) {
  const image = await (isPostgresUrl(database) ? readOnServer(database) : readInFile(database));
  if (!image) {
    const reason = "the database has no descriptors: a server stores them when it starts";
    throw new StoreError("UNMANAGED_DATABASE", `${withoutPassword(database)}: ${reason}`);
  }
  try {
    writeFileSync(file, image, { flag: "wx" });
  } catch (cause) {
    const isThere = (cause as NodeJS.ErrnoException).code === "EEXIST";
    const reason = isThere ? "is there already" : "cannot be written";
    throw new StoreError("INVALID_CONFIG", `${file} ${reason}`, { cause });
  }
  process.stdout.write(`${file}: ${image.length} bytes\n`);
}

async function readOnServer(url: string): Promise<Uint8Array | undefined> {
  const { readNewestImage } = await import("../database/postgres/descriptors.ts");
  const { explainPostgresError } = await import("../database/postgres/errors.ts");
  const { openSession } = await import("../database/postgres/session.ts");
  try {
    const { connectTimeoutMs } = DEFAULT_LIMITS;
    const session = await openSession({ url, connectTimeoutMs });
    return await readNewestImage(session).finally(() => session.close());
  } catch (error) {
    throw explainPostgresError(error);
  }
}

async function readInFile(path: string): Promise<Uint8Array | undefined> {
  const connection = openForReading(path);
  try {
    const current = readSchemaState(connection)?.current ?? undefined;
    return current === undefined ? undefined : readStoredImage(connection, current);
  } catch (error) {
    throw nameDatabase(path, error);
  } finally {
    connection.close();
  }
}
