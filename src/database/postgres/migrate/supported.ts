// What a PostgreSQL server and a database on it must be to be migrated and served.
// Reads only; there may be no table yet.

import { StoreError } from "../../../errors.ts";
import type { Session } from "../session.ts";

/** The oldest version that is tested. */
const VERSION_MIN = 17n;

/**
 * Texts must be compared by their bytes, as keys and orders of pages need it.
 * @throws StoreError INVALID_CONFIG, with how to make such a database.
 */
export async function requireSupported(session: Session): Promise<void> {
  const [[number] = []] = await session.all({
    sql: "SELECT current_setting('server_version_num')::int / 10000",
    parameters: [],
  });
  if ((number as bigint) < VERSION_MIN) {
    const text = `the server is PostgreSQL ${number}; ${VERSION_MIN} is the oldest that is served`;
    throw new StoreError("INVALID_CONFIG", text);
  }
  const [row] = await session.all({
    sql:
      "SELECT datname, pg_encoding_to_char(encoding), coalesce(datlocale, datcollate) " +
      "FROM pg_database WHERE datname = current_database()",
    parameters: [],
  });
  const [name, encoding, locale] = row ?? [];
  const isByteOrder = locale === "C" || locale === "POSIX" || locale === "C.UTF-8";
  if (encoding === "UTF8" && isByteOrder) return;
  throw new StoreError(
    "INVALID_CONFIG",
    `the database ${name} is in ${encoding} with the locale ${locale}; it must be in UTF8 with the locale C: ` +
      "CREATE DATABASE NAME TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'",
  );
}
