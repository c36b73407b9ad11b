// A database on a server that is copied: one read-only snapshot for all of it, so that whoever writes
// meanwhile changes nothing. It may be a standby. It must be what a server of this release would serve.

import { StoreError } from "../../../errors.ts";
import type { CopyEnd, CopySetup } from "../../copy/copy-ends.ts";
import type { Statement } from "../../sql/statements.ts";
import { requireSupported } from "../migrate/supported.ts";
import { createSchemaProbe } from "../schema-probe.ts";
import { withoutPassword } from "../url.ts";
import { connectTo, nameServer, serverEnd } from "./server-end.ts";

const statement = (sql: string): Statement => ({ sql, parameters: [] });

/** The snapshot lasts as long as it is needed, whatever the server's defaults are. */
const BEGIN = [
  "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
  "SET LOCAL statement_timeout = 0",
  "SET LOCAL idle_in_transaction_session_timeout = 0",
].map(statement);

/**
 * Runs `action` with the database.
 * @throws StoreError DATABASE_UNAVAILABLE, INVALID_CONFIG, SCHEMA_MISMATCH
 */
export async function withServerSource<T>(
  url: string,
  { plans, registry, files }: CopySetup,
  action: (source: CopyEnd) => Promise<T>,
): Promise<T> {
  const place = withoutPassword(url);
  try {
    const session = await connectTo(url, true);
    try {
      for (const each of BEGIN) await session.run(each);
      await requireSupported(session);
      const { error } = await createSchemaProbe(async () => session, plans, files).look();
      if (error) throw new StoreError(error.code, `${place}: ${error.message}`);
      return await action(serverEnd(session, place, registry));
    } finally {
      await session.close();
    }
  } catch (error) {
    throw nameServer(place, error);
  }
}
