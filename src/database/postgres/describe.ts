// Reads what tables a PostgreSQL database has, and what indexes. Judges nothing.
// Names are found whatever the case of their letters is: those of plans are not as they are stored.

import type { ResourcePlan } from "../../schema/plan.ts";
import { sqlName } from "../../schema/sql-name.ts";
import type { TableFacts } from "../sql/filter/source.ts";
import { POSTGRES } from "./dialect/postgres-dialect.ts";
import type { Session } from "./session.ts";

/** What filters and orders may use of the table of a resource. */
export async function readTableFacts(
  session: Pick<Session, "all">,
  { table, columns }: ResourcePlan,
): Promise<TableFacts> {
  const rows = await session.all({
    sql:
      "SELECT lower(attname) FROM pg_attribute " +
      "WHERE attrelid = to_regclass(?) AND attnum > 0 AND attnotnull AND NOT attisdropped",
    parameters: [sqlName(table)],
  });
  const notNull = new Set(rows.map(([name]) => name));
  const names = columns.map(({ name }) => name).filter((name) => notNull.has(name.toLowerCase()));
  return { dialect: POSTGRES, notNull: new Set(names) };
}
