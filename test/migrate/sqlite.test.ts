// The contract of migrations over files.

import { join } from "node:path";
import { CHINOOK_MIGRATIONS } from "../../src/chinook/migrations.ts";
import { openConnection } from "../../src/database/sqlite/connection/connection.ts";
import { createSqliteMigrator } from "../../src/database/sqlite/migrate/migrator.ts";
import { testMigrations } from "./contract.ts";
import { pluck, schemaOf, tempFolder, withConnection } from "./support.ts";

testMigrations(async () => {
  const database = join(tempFolder(), "a.db");
  openConnection(database, { create: true, busyTimeoutMs: 0 }).close();
  return {
    own: CHINOOK_MIGRATIONS,
    migrator: (files, lockTimeoutMs) => createSqliteMigrator(database, { files, lockTimeoutMs }),
    exec: async (sql) => withConnection(database, (connection) => void connection.exec(sql)),
    pluck: async (sql) => pluck(database, sql),
    schema: async () => schemaOf(database),
  };
});
