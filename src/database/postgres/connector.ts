// Connects to one of the hosts that an address names: to the one that can be written, if that is wanted.
// Must not know what the connection is for.

import { StoreError } from "../../errors.ts";
import type { Limits } from "../../limits.ts";
import { explainPostgresError } from "./errors.ts";
import { openSession, type Session, type SessionOptions } from "./session.ts";
import { endSilent } from "./silence.ts";
import { hostsOf, wantsWritableHost } from "./url.ts";

/** How long statements of a connection, and waits for locks, may take; any time if it is not said. */
export type Times = Pick<SessionOptions, "statementTimeoutMs" | "lockTimeoutMs">;

/** Opens a connection. */
export type Connect = (times?: Times) => Promise<Session>;

/** How long an answer may be on its way, beside what its statement may take. */
const ON_THE_WAY_MS = 1_000;

/**
 * What connects to `url`. With several hosts it begins with the one that was good last, so that those
 * that are gone are asked once. `isReader` says that nothing is to be written.
 * @throws StoreError INVALID_CONFIG for an address that cannot be.
 */
export function createConnector(
  url: string,
  limits: Pick<Limits, "connectTimeoutMs">,
  isReader = false,
): Connect {
  const hosts = hostsOf(url);
  const isPicky = wantsWritableHost(url, isReader);
  const connectTimeoutMs = limits.connectTimeoutMs / hosts.length;
  let best = 0;

  async function connectTo(host: string, times: Times): Promise<Session> {
    const { statementTimeoutMs } = times;
    const session = await openSession({ url: host, connectTimeoutMs, ...times });
    if (isPicky && !(await isWritable(session))) {
      await session.close();
      throw new StoreError("DATABASE_UNAVAILABLE", "the server of the database cannot be written");
    }
    if (statementTimeoutMs === undefined) return session;
    return endSilent(session, statementTimeoutMs + ON_THE_WAY_MS);
  }

  return async (times = {}) => {
    const failures: unknown[] = [];
    for (const [tried] of hosts.entries()) {
      const place = (best + tried) % hosts.length;
      try {
        const session = await connectTo(hosts[place] as string, times);
        best = place;
        return session;
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length === 1) throw failures[0];
    const reasons = failures.map((failure) => explainPostgresError(failure).message);
    const cause = new AggregateError(failures, reasons.join("; "));
    throw new StoreError("DATABASE_UNAVAILABLE", "no host of the database can be written", {
      cause,
    });
  };
}

async function isWritable(session: Session): Promise<boolean> {
  const [[isReadOnly] = []] = await session.all({
    sql: "SELECT current_setting('transaction_read_only')",
    parameters: [],
  });
  return isReadOnly === "off";
}
