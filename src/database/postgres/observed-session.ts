// A connection whose statements are told of: each when it is answered, which is after those that were sent
// before it. Changes nothing of what they answer.

import { monotonicMs, type OnStatement } from "../../observe/statement-run.ts";
import { nameOf } from "../statement-name.ts";
import type { Session } from "./session.ts";

/** The session, and `onStatement` told of each of its statements; the session itself if nobody listens. */
export function observe(session: Session, onStatement: OnStatement | undefined): Session {
  if (!onStatement) return session;
  const tell = onStatement;

  async function told<T>(
    name: string,
    ask: () => Promise<T>,
    count: (answer: T) => number,
  ): Promise<T> {
    const threadMs = performance.now();
    const startMs = monotonicMs(threadMs);
    const durationNs = () => (performance.now() - threadMs) * 1e6;
    try {
      const answer = await ask();
      tell({ name, startMs, durationNs: durationNs(), rows: count(answer) });
      return answer;
    } catch (error) {
      const errorCode = codeOf(error);
      tell({ name, startMs, durationNs: durationNs(), rows: 0, errorCode });
      throw error;
    }
  }

  return {
    all: (statement) =>
      told(
        knownName(statement.sql),
        () => session.all(statement),
        (rows) => rows.length,
      ),
    run: (statement) =>
      told(
        knownName(statement.sql),
        () => session.run(statement),
        (changed) => changed,
      ),
    commit: () => told("COMMIT", session.commit, () => 0),
    script: session.script,
    processId: session.processId,
    get inTransaction() {
      return session.inTransaction;
    },
    get lost() {
      return session.lost;
    },
    close: session.close,
    abandon: session.abandon,
  };
}

/** SQLSTATE, or what the system has for a connection that is gone. */
function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? `${error.code}` : "connection";
}

const NAMES_MAX = 500;
let names = new Map<string, string>();

/** Looked up: to find it takes as long as to number the parameters. */
function knownName(sql: string): string {
  const known = names.get(sql);
  if (known !== undefined) return known;
  if (names.size >= NAMES_MAX) names = new Map();
  const name = nameOf(sql);
  names.set(sql, name);
  return name;
}
