// Which migrations of a database are applied: the store's own tables have a list apart from the user's.
// Reads only.

import { join } from "node:path";
import { PACKAGE_ROOT } from "../../../package-root.ts";
import { type MigrationFile, readMigrationFiles } from "../../sqlite/migrate/files.ts";
import type { Session } from "../session.ts";

/** What records the migrations of a folder: golang-migrate's table is that of the user's. */
export interface Ledger {
  readonly log: string;
  readonly version: string | undefined;
}

export const STORE: Ledger = { log: "store_migrations", version: undefined };
export const USER: Ledger = { log: "schema_migrations_log", version: "schema_migrations" };

let known: readonly MigrationFile[] | undefined;

/** The migrations of the store's own tables. */
export function storeMigrations(): readonly MigrationFile[] {
  known ??= readMigrationFiles(join(PACKAGE_ROOT, "migrations", "store", "postgres"));
  return known;
}

/** The names of those that are not applied, the store's own first. */
export async function findPending(
  session: Session,
  files: readonly MigrationFile[],
): Promise<readonly string[]> {
  const [own, users] = [await readVersions(session, STORE), await readVersions(session, USER)];
  return [
    ...storeMigrations().filter(({ version }) => !own.has(version)),
    ...files.filter(({ version }) => !users.has(version)),
  ].map(({ name }) => name);
}

async function readVersions(session: Session, { log }: Ledger): Promise<ReadonlySet<unknown>> {
  const [[table] = []] = await session.all({
    sql: "SELECT to_regclass(?)::text",
    parameters: [log],
  });
  if (table === null) return new Set();
  const rows = await session.all({ sql: `SELECT version FROM ${log}`, parameters: [] });
  return new Set(rows.map(([version]) => version));
}
