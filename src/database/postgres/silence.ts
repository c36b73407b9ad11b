// Gives a connection up whose server says nothing any more: a machine that is gone closes none, and the
// system would wait for a quarter of an hour. Must not know what is asked.

import type { Session } from "./session.ts";

/** The session, which is abandoned if the server is silent for `silenceMs` while an answer is due. */
export function endSilent(session: Session, silenceMs: number): Session {
  let due = 0;
  let heardMs = performance.now();

  const timer = setInterval(() => {
    if (session.lost) clearInterval(timer);
    else if (due > 0 && performance.now() - heardMs > silenceMs) session.abandon();
  }, silenceMs / 4).unref();

  async function heard<T>(answer: Promise<T>): Promise<T> {
    if (due === 0) heardMs = performance.now();
    due += 1;
    try {
      return await answer;
    } finally {
      due -= 1;
      heardMs = performance.now();
    }
  }

  return {
    all: (statement) => heard(session.all(statement)),
    run: (statement) => heard(session.run(statement)),
    commit: () => heard(session.commit()),
    script: (sql) => heard(session.script(sql)),
    processId: session.processId,
    get inTransaction() {
      return session.inTransaction;
    },
    get lost() {
      return session.lost;
    },
    async close() {
      clearInterval(timer);
      await session.close();
    },
    abandon() {
      clearInterval(timer);
      session.abandon();
    },
  };
}
