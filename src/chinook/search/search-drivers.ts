// The SQL of the search by the driver of the database.
// Wiring only.

import type { Database } from "../../database/database.ts";
import { POSTGRES_SEARCH } from "./postgres-search.ts";
import type { SearchSql } from "./search-sql.ts";
import { SQLITE_SEARCH } from "./sqlite-search.ts";

export const SEARCH_SQL: Readonly<Record<Database["driver"], SearchSql>> = {
  sqlite: SQLITE_SEARCH,
  postgres: POSTGRES_SEARCH,
};
