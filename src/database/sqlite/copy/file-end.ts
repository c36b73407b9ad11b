// A file as one end of a copy: how its tables are made, and its rows.
// Changes nothing.

import type { Registry } from "@bufbuild/protobuf";
import type { Row } from "../../../schema/sql-value.ts";
import type { CopyEnd, CopySetup, TableShape } from "../../copy/copy-ends.ts";
import type { Statement } from "../../sql/statements.ts";
import type { Connection } from "../connection/connection.ts";
import { createStatementRunner, type StatementRunner } from "../connection/statement-runner.ts";
import { dialectOf } from "../dialect/sqlite-dialect.ts";
import type { ForeignFiles } from "../migrate/detect.ts";
import { nameDatabase } from "../migrate/target.ts";

/** What a file is of. */
export interface FileSetup extends CopySetup {
  /** What becomes of files that others have made. */
  readonly foreign?: ForeignFiles | undefined;
}

/** The end that the connection has open. */
export function fileEnd(
  connection: Connection,
  place: string,
  registry: Registry,
  runner: StatementRunner = createStatementRunner(connection),
): CopyEnd {
  /** The other database of the copy has errors of its own kind. */
  const all = (statement: Statement): readonly Row[] => {
    try {
      return runner.all(statement);
    } catch (error) {
      throw nameDatabase(place, error);
    }
  };
  const describe = async (table: string): Promise<TableShape | undefined> => {
    const found = all({
      sql: "SELECT name, pk, hidden FROM pragma_table_xinfo(?)",
      parameters: [table],
    });
    if (found.length === 0) return undefined;
    const keys = found.filter(([, place]) => (place as bigint) > 0n);
    return {
      columns: found.filter(([, , hidden]) => hidden === 0n).map(([name]) => name as string),
      primaryKey: keys
        .sort(([, a], [, b]) => Number((a as bigint) - (b as bigint)))
        .map(([name]) => name as string),
    };
  };
  return {
    place,
    registry,
    describe,
    async tables() {
      const sql =
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' " +
        "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name";
      return all({ sql, parameters: [] }).map(([name]) => name as string);
    },
    rows: {
      dialect: dialectOf(connection),
      async read(statements) {
        const isMade = (await describe("store_state")) !== undefined;
        const state = { sql: "SELECT revision FROM store_state", parameters: [] };
        const [[revision] = [0n]] = isMade ? all(state) : [];
        return { revision: revision as bigint, rows: statements.map(all) };
      },
    },
  };
}
