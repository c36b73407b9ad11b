// Brings a database up to the newest migration: the store's own tables first, then the user's files. Each
// file is one transaction, with the line that records it; who comes second waits, and finds it done.

import { type Clock, systemClock, timestamp } from "../../../clock.ts";
import { StoreError } from "../../../errors.ts";
import type { Statement } from "../../sql/statements.ts";
import type { MigrationFile } from "../../sqlite/migrate/files.ts";
import { isServerError, translatePostgresError } from "../errors.ts";
import type { Session } from "../session.ts";
import { type Ledger, STORE, storeMigrations, USER } from "./ledger.ts";

const statement = (sql: string): Statement => ({ sql, parameters: [] });

/**
 * Applies what is pending. Returns the names of the files that were run.
 * @throws StoreError MIGRATION_FAILED, MIGRATION_EDITED, MIGRATION_DIRTY
 */
export async function migrateUp(
  session: Session,
  files: readonly MigrationFile[],
  clock: Clock = systemClock,
): Promise<readonly string[]> {
  try {
    await requireSupported(session);
    await createTables(session);
    const names: string[] = [];
    for (const file of storeMigrations()) {
      if (await apply(session, STORE, file, clock)) names.push(file.name);
    }
    for (const file of files) {
      if (await apply(session, USER, file, clock)) names.push(file.name);
    }
    return names;
  } catch (error) {
    throw translatePostgresError(error);
  }
}

/** The oldest version that is tested. */
const VERSION_MIN = 17n;

/**
 * Texts must be compared by their bytes, as keys and orders of pages need it.
 * @throws StoreError INVALID_CONFIG, with how to make such a database.
 */
export async function requireSupported(session: Session): Promise<void> {
  const [[number] = []] = await session.all(
    statement("SELECT current_setting('server_version_num')::int / 10000"),
  );
  if ((number as bigint) < VERSION_MIN) {
    const text = `the server is PostgreSQL ${number}; ${VERSION_MIN} is the oldest that is served`;
    throw new StoreError("INVALID_CONFIG", text);
  }
  const [row] = await session.all(
    statement(
      "SELECT datname, pg_encoding_to_char(encoding), coalesce(datlocale, datcollate) " +
        "FROM pg_database WHERE datname = current_database()",
    ),
  );
  const [name, encoding, locale] = row ?? [];
  const isByteOrder = locale === "C" || locale === "POSIX" || locale === "C.UTF-8";
  if (encoding === "UTF8" && isByteOrder) return;
  throw new StoreError(
    "INVALID_CONFIG",
    `the database ${name} is in ${encoding} with the locale ${locale}; it must be in UTF8 with the locale C: ` +
      "CREATE DATABASE NAME TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'",
  );
}

async function createTables(session: Session): Promise<void> {
  await session.script(`
    BEGIN;
    CREATE TABLE IF NOT EXISTS schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL);
    ${[STORE, USER].map(({ log }) => logTable(log)).join("\n")}
    COMMIT;
  `);
}

function logTable(name: string): string {
  return `CREATE TABLE IF NOT EXISTS ${name} (
    version bigint PRIMARY KEY,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at text NOT NULL
  );`;
}

/** True if the file was run. */
async function apply(
  session: Session,
  { log, version: versionTable }: Ledger,
  { version, name, checksum, up }: MigrationFile,
  clock: Clock,
): Promise<boolean> {
  await session.run(statement("BEGIN"));
  try {
    await session.run(statement(`LOCK TABLE ${log} IN SHARE ROW EXCLUSIVE MODE`));
    const [known] = await session.all({
      sql: `SELECT checksum FROM ${log} WHERE version = ?`,
      parameters: [version],
    });
    if (known) {
      await session.run(statement("ROLLBACK"));
      if (known[0] === checksum) return false;
      throw new StoreError("MIGRATION_EDITED", `${up.file} is not the file that was applied`);
    }
    await session.script(up.sql);
    await session.run({
      sql: `INSERT INTO ${log} (version, name, checksum, applied_at) VALUES (?, ?, ?, ?)`,
      parameters: [version, name, checksum, timestamp(clock)],
    });
    if (versionTable !== undefined) {
      await session.run(statement(`DELETE FROM ${versionTable}`));
      await session.run({
        sql: `INSERT INTO ${versionTable} (version, dirty) VALUES (?, false)`,
        parameters: [version],
      });
    }
    await session.commit();
    return true;
  } catch (error) {
    if (error instanceof StoreError) throw error;
    await session.run(statement("ROLLBACK"));
    if (!isServerError(error)) throw error;
    throw new StoreError("MIGRATION_FAILED", `${up.file}: ${error.message}`, { cause: error });
  }
}
