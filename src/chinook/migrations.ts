// Where the migrations of Chinook's tables are.
// Knows the folder, not what is in it.

import { join } from "node:path";
import { PACKAGE_ROOT } from "../package-root.ts";

export const CHINOOK_MIGRATIONS: string = join(PACKAGE_ROOT, "migrations", "sqlite");

/** The same for PostgreSQL. */
export const CHINOOK_POSTGRES_MIGRATIONS: string = join(PACKAGE_ROOT, "migrations", "postgres");
