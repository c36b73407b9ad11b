// A database on a server as one end of a copy: how its tables are made, and its rows.
// Changes nothing.

import type { Registry } from "@bufbuild/protobuf";
import { StoreError } from "../../../errors.ts";
import { DEFAULT_LIMITS } from "../../../limits.ts";
import type { CopyEnd, TableShape } from "../../copy/copy-ends.ts";
import { inSql } from "../../copy/table-pages.ts";
import type { Statement } from "../../sql/statements.ts";
import { createConnector } from "../connector.ts";
import { POSTGRES } from "../dialect/postgres-dialect.ts";
import { explainPostgresError } from "../errors.ts";
import type { Session } from "../session.ts";
import { withoutPassword } from "../url.ts";

const REVISION: Statement = { sql: "SELECT revision FROM store_state", parameters: [] };

/** The end that the session is of. */
export function serverEnd(session: Session, place: string, registry: Registry): CopyEnd {
  const describe = async (table: string): Promise<TableShape | undefined> => {
    const rows = await session.all({
      sql:
        "SELECT attname, coalesce(array_position(indkey::int2[], attnum), -1) FROM pg_attribute " +
        "LEFT JOIN pg_index ON indrelid = attrelid AND indisprimary " +
        "WHERE attrelid = to_regclass(?) AND attnum > 0 AND NOT attisdropped AND attgenerated = '' " +
        "ORDER BY attnum",
      parameters: [inSql(table)],
    });
    if (rows.length === 0) return undefined;
    const keys = rows.filter(([, at]) => at !== -1n);
    return {
      columns: rows.map(([name]) => name as string),
      primaryKey: keys
        .sort(([, a], [, b]) => Number((a as bigint) - (b as bigint)))
        .map(([name]) => name as string),
    };
  };
  return {
    place,
    registry,
    describe: (table) => describe(table).catch((error) => refuse(place, error)),
    async tables() {
      const sql =
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND pg_table_is_visible(oid) " +
        "AND relnamespace <> 'pg_catalog'::regnamespace ORDER BY relname";
      const rows = await session
        .all({ sql, parameters: [] })
        .catch((error) => refuse(place, error));
      return rows.map(([name]) => name as string);
    },
    rows: {
      dialect: POSTGRES,
      async read(statements) {
        try {
          const isMade = (await describe("store_state")) !== undefined;
          const [state, ...rows] = await Promise.all([
            isMade ? session.all(REVISION) : [[0n]],
            ...statements.map((statement) => session.all(statement)),
          ]);
          return { revision: state[0]?.[0] as bigint, rows };
        } catch (error) {
          throw nameServer(place, error);
        }
      },
    },
  };
}

function refuse(place: string, error: unknown): never {
  throw nameServer(place, error);
}

/** The error for what the server has failed with, which names it. */
export function nameServer(place: string, error: unknown): StoreError {
  return error instanceof StoreError ? error : named(place, error);
}

function named(place: string, error: unknown): StoreError {
  const { code, message } = explainPostgresError(error);
  return new StoreError(code, `${place}: ${message}`, { cause: error });
}

/** Connects; `isReader` as createConnector has it. @throws StoreError, which names the server. */
export async function connectTo(url: string, isReader: boolean): Promise<Session> {
  try {
    return await createConnector(url, DEFAULT_LIMITS, isReader)();
  } catch (error) {
    throw named(withoutPassword(url), error);
  }
}
