// When the newest write was that is known of, so that a clock which was set back is noticed. Costs next to
// nothing: the times of the files, and of each table the row with the highest key. Writes nothing.

import { statSync } from "node:fs";
import type { ResourcePlan } from "../../../schema/plan.ts";
import { type Connection, isSqliteError } from "../connection/connection.ts";

/** Remembers it for as long as the process lives. */
export interface NewestWrite {
  /** Looks at the files: whoever wrote last, by the clock of this machine. */
  look(): void;
  /** In milliseconds since the epoch; looks at the files and the rows. Undefined if nothing was written. */
  timeMs(): number | undefined;
}

/** Of the database at `path`. An update of an old row, before this process began, is known by the files only. */
export function watchNewestWrite(
  connection: Connection,
  plans: readonly ResourcePlan[],
  path: string,
): NewestWrite {
  let newest = Number.NEGATIVE_INFINITY;
  const note = (timeMs: number) => {
    // What no date is made of is not one.
    if (timeMs > newest) newest = timeMs;
  };

  function look(): void {
    for (const file of [path, `${path}-wal`]) {
      const found = statSync(file, { throwIfNoEntry: false });
      // An empty log was opened, and not written.
      if (found && found.size > 0) note(found.mtimeMs);
    }
  }

  function lookAtRows(): void {
    for (const { sql } of plans) {
      const text = `SELECT updated_at FROM ${sql.table} ORDER BY ${sql.key} DESC LIMIT 1`;
      try {
        note(Date.parse(String(connection.prepare(text).pluck().get())));
      } catch (error) {
        // That the table is not as it must be is told by health.
        if (!isSqliteError(error)) throw error;
      }
    }
  }

  return {
    look,
    timeMs() {
      look();
      lookAtRows();
      return Number.isFinite(newest) ? newest : undefined;
    },
  };
}
