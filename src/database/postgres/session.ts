// One connection to PostgreSQL: statements are sent as they come, without waiting for the answers to
// those before them. Must not know tables or messages.

import { userInfo } from "node:os";
import pg from "pg";
import { StoreError } from "../../errors.ts";
import type { Row, SqlValue } from "../../schema/sql-value.ts";
import type { Statement } from "../sql/statements.ts";
import { type Address, readAddress } from "./address.ts";
import { isLost, isServerError, UnreplicatedCommit } from "./errors.ts";
import { type Account, readPassword } from "./password.ts";
import { createPreparedNames } from "./prepared-names.ts";
import { numbered, toParameter } from "./statement-text.ts";
import { type Encryption, readEncryption } from "./tls.ts";

/** A connection that is open. Everything fails with what the server or the connection fails with. */
export interface Session {
  /** The rows of a statement. */
  all(statement: Statement): Promise<readonly Row[]>;
  /** Runs a statement that has no rows; the number of rows that it changed. */
  run(statement: Statement): Promise<number>;
  /**
   * Ends the transaction. @throws Error if the server has rolled it back, UnreplicatedCommit if it was
   * kept from waiting for its standbys.
   */
  commit(): Promise<void>;
  /** Runs statements without parameters, one after the other. */
  script(sql: string): Promise<void>;
  /** The number of the server's process, by which its statement can be cancelled. */
  readonly processId: number;
  /** Why the connection is not there any more; undefined while it is. */
  readonly lost: Error | undefined;
  /** True if the last statement that was answered has left a transaction open. */
  readonly inTransaction: boolean;
  /** Closes the connection when all is answered. */
  close(): Promise<void>;
  /** Closes it at once: what has no answer fails. */
  abandon(): void;
}

/** How a server is reached, and for how long it may take. */
export interface SessionOptions {
  /** `postgres://user:password@host:port/database?sslmode=…`; what it does not say, libpq's variables do. */
  readonly url: string;
  /** Unless the address says `connect_timeout`. */
  readonly connectTimeoutMs: number;
  /** How long a statement may take before the server ends it; any time if absent. */
  readonly statementTimeoutMs?: number;
  /** How long a statement may wait for a lock before the server ends it; any time if absent. */
  readonly lockTimeoutMs?: number;
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

/**
 * Connects.
 * @throws StoreError INVALID_CONFIG for an address that asks for what is not there, DATABASE_UNAVAILABLE; or
 * what the server answers.
 */
export async function openSession(options: SessionOptions): Promise<Session> {
  const address = readAddress(options.url);
  try {
    const encryption = await readEncryption(address);
    return await connect(options, address, encryption).catch((error: unknown) => {
      if (!encryption.isOptional || !isWithoutTls(error)) throw error;
      return connect(options, address, { ssl: false, isOptional: false });
    });
  } catch (cause) {
    if (cause instanceof StoreError || isServerError(cause)) throw cause;
    throw new StoreError("DATABASE_UNAVAILABLE", "the database cannot be reached", { cause });
  }
}

const PORT = 5_432;

async function connect(
  { connectTimeoutMs, statementTimeoutMs, lockTimeoutMs }: SessionOptions,
  address: Address,
  { ssl }: Encryption,
): Promise<Session> {
  const user = address.user ?? userInfo().username;
  const account: Account = {
    host: address.host ?? "localhost",
    port: Number(address.port ?? PORT),
    user,
    database: address.dbname ?? user,
  };
  const client = new pg.Client({
    ...account,
    // Always a function: the library would look for a file by itself, and warn of it.
    password: () => readPassword(address, account),
    ssl,
    ...(address.options !== undefined && { options: address.options }),
    application_name: address.application_name ?? "protostore",
    connectionTimeoutMillis: Number(address.connect_timeout ?? 0) * 1_000 || connectTimeoutMs,
    ...(statementTimeoutMs !== undefined && {
      statement_timeout: statementTimeoutMs,
      // A machine that is gone in the middle of a commit keeps all others from theirs.
      idle_in_transaction_session_timeout: Math.ceil(statementTimeoutMs / 4),
    }),
    ...(lockTimeoutMs !== undefined && { lock_timeout: lockTimeoutMs }),
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

  /** The server may say that it ends the session before the connection ends. */
  async function noticed<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      if (isLost(error)) lost ??= error as Error;
      throw error;
    }
  }

  const names = createPreparedNames();

  async function query(statement: Statement) {
    const text = numbered(statement);
    const values = statement.parameters.map(toParameter);
    try {
      const name = names.nameOf(text);
      return await noticed(client.query<SqlValue[]>({ text, values, rowMode: "array", name }));
    } catch (error) {
      names.failed(error);
      throw error;
    }
  }

  return {
    all: async (statement) => (await query(statement)).rows,
    run: async (statement) => (await query(statement)).rowCount ?? 0,
    async commit() {
      let isAlone = false;
      const listen = ({ routine }: { readonly routine?: string | undefined }) => {
        isAlone ||= routine === "SyncRepWaitForLSN";
      };
      client.on("notice", listen);
      try {
        const { command } = await noticed(client.query("COMMIT"));
        // What a transaction answers that has failed before.
        if (command !== "COMMIT") throw new Error("the transaction was rolled back");
        if (isAlone) throw new UnreplicatedCommit();
      } finally {
        client.off("notice", listen);
      }
    },
    async script(sql) {
      await noticed(client.query(sql));
    },
    processId: (client as unknown as { readonly processID: number }).processID,
    get lost() {
      return lost;
    },
    get inTransaction() {
      return client.getTransactionStatus() !== "I";
    },
    async close() {
      if (!lost) await client.end();
    },
    abandon() {
      lost ??= new Error("Connection abandoned");
      (client as unknown as { readonly connection: pg.Connection }).connection.stream.destroy();
    },
  };
}

/** As the library says that a server has no TLS; it closes the connection, and has no code for it. */
function isWithoutTls(error: unknown): boolean {
  return error instanceof Error && error.message === "The server does not support SSL connections";
}
