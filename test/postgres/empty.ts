// Databases for servers that make their tables themselves.

import { openSession, type Session } from "../../src/database/postgres/session.ts";
import { postgresServer } from "../support/postgres.ts";

/** A database in which there is nothing, and a session of another program in it. */
export interface EmptyDatabase {
  readonly name: string;
  readonly url: string;
  readonly other: Session;
  /** Runs a statement from outside of it, as who may do everything. */
  admin(sql: string): Promise<void>;
  drop(): Promise<void>;
}

let databases = 0;

export async function makeEmptyDatabase(): Promise<EmptyDatabase> {
  const server = await postgresServer();
  databases += 1;
  const name = `empty_${databases}`;
  await server.create(name);
  const url = server.urlOf(name);
  const other = await openSession({ url, connectTimeoutMs: 5_000 });
  return {
    name,
    url,
    other,
    admin: server.admin,
    async drop() {
      await other.close();
      await server.drop(name);
    },
  };
}
