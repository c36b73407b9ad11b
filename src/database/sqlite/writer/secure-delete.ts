// Has SQLite and its full-text indexes write over what is deleted, rather than leave it on pages that are
// free. What the log has of it stays there until the log is begun again.

import { quoteName } from "../../../schema/sql-name.ts";
import { type Connection, isBusy, readPragma } from "../connection/connection.ts";
import { searchIndexesOf } from "../inspect/tables-of.ts";
import { waitForLock } from "./lock-wait.ts";

/** Other processes that start do the same: about as many milliseconds. */
const ATTEMPTS = 5_000;

/** From here on `connection` writes over what it deletes. */
export function writeOverDeleted(connection: Connection): void {
  readPragma(connection, "secure_delete = ON");
  for (const table of searchIndexesOf(connection)) {
    for (let attempt = 0; !isSet(connection, table); attempt++) {
      try {
        const name = quoteName(table);
        // It lasts: a program of another release, or none of ours, then does the same.
        connection.exec(`INSERT INTO ${name} (${name}, rank) VALUES ('secure-delete', 1)`);
      } catch (error) {
        if (!isBusy(error) || attempt >= ATTEMPTS) throw error;
        waitForLock(attempt);
      }
    }
  }
}

function isSet(connection: Connection, table: string): boolean {
  const settings = quoteName(`${table}_config`);
  const value = connection.prepare(`SELECT v FROM ${settings} WHERE k = 'secure-delete'`);
  return value.pluck().get() === 1n;
}
