// One connection to PostgreSQL: statements are sent as they come, without waiting for the answers to
// those before them. Must not know tables or messages.

import pg from "pg";
import type { Row, SqlValue } from "../../schema/sql-value.ts";
import type { Statement } from "../sql/statements.ts";
import { numbered, toParameter } from "./statement-text.ts";

/** A connection that is open. Everything fails with what the server or the connection fails with. */
export interface Session {
  /** The rows of a statement. */
  all(statement: Statement): Promise<readonly Row[]>;
  /** Runs a statement that has no rows; the number of rows that it changed. */
  run(statement: Statement): Promise<number>;
  /** Ends the transaction. @throws Error if the server has rolled it back. */
  commit(): Promise<void>;
  /** Runs statements without parameters, one after the other. */
  script(sql: string): Promise<void>;
  /** The number of the server's process, by which its statement can be cancelled. */
  readonly processId: number;
  /** Why the connection is not there any more; undefined while it is. */
  readonly lost: Error | undefined;
  /** Closes the connection when all is answered. */
  close(): Promise<void>;
  /** Closes it at once: what has no answer fails. */
  abandon(): void;
}

/** How a server is reached, and for how long it may take. */
export interface SessionOptions {
  /** `postgres://user:password@host:port/database?sslmode=…` */
  readonly url: string;
  readonly connectTimeoutMs: number;
  /** How long a statement may take before the server ends it; any time if absent. */
  readonly statementTimeoutMs?: number;
}

/** The numbers of types: https://github.com/postgres/postgres/blob/master/src/include/catalog/pg_type.dat */
const TYPES: ReadonlyMap<number, (text: string) => SqlValue> = new Map<
  number,
  (text: string) => SqlValue
>([
  [16, (text) => (text === "t" ? 1n : 0n)],
  [17, (text) => Buffer.from(text.slice(2), "hex")],
  [20, BigInt],
  [21, BigInt],
  [23, BigInt],
  [26, BigInt],
  [700, Number],
  [701, Number],
  // A sum of whole numbers is one.
  [1700, (text) => (/^-?[0-9]+$/.test(text) ? BigInt(text) : text)],
]);

const asText = (text: string): SqlValue => text;

/** Values as the codecs know them: whole numbers are bigint, and all that has no form of its own is text. */
const PARSERS = { getTypeParser: (oid: number) => TYPES.get(oid) ?? asText };

/** Connects. */
export async function openSession(options: SessionOptions): Promise<Session> {
  const { url, connectTimeoutMs, statementTimeoutMs } = options;
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: connectTimeoutMs,
    application_name: "protostore",
    ...(statementTimeoutMs !== undefined && { statement_timeout: statementTimeoutMs }),
    // A server that is gone without a word is noticed.
    keepAlive: true,
    pipeline: true,
    types: PARSERS as pg.CustomTypesConfig,
  });
  let lost: Error | undefined;
  client.on("error", (error) => {
    lost ??= error;
  });
  client.on("end", () => {
    lost ??= new Error("Connection ended");
  });
  await client.connect();

  function query(statement: Statement) {
    return client.query<SqlValue[]>({
      text: numbered(statement),
      values: statement.parameters.map(toParameter),
      rowMode: "array",
    });
  }

  return {
    all: async (statement) => (await query(statement)).rows,
    run: async (statement) => (await query(statement)).rowCount ?? 0,
    async commit() {
      // What a transaction answers that has failed before.
      const { command } = await client.query("COMMIT");
      if (command !== "COMMIT") throw new Error("the transaction was rolled back");
    },
    async script(sql) {
      await client.query(sql);
    },
    processId: (client as unknown as { readonly processID: number }).processID,
    get lost() {
      return lost;
    },
    async close() {
      if (!lost) await client.end();
    },
    abandon() {
      (client as unknown as { readonly connection: pg.Connection }).connection.stream.destroy();
    },
  };
}
