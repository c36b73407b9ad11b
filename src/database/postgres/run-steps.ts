// Runs steps on a session: what they ask for together is sent together.
// Must not begin or end a transaction.

import type { Statement } from "../sql/statements.ts";
import { type Answer, type Ask, ConstraintError, type Steps } from "../sql/steps.ts";
import { toStepError } from "./errors.ts";
import type { Session } from "./session.ts";

/** What the steps end with. @throws what they throw, and what a statement of theirs failed with. */
export async function runSteps<T>(session: Session, steps: Steps<T>): Promise<T> {
  try {
    let step = steps.next(undefined);
    while (!step.done) {
      let answer: Answer;
      try {
        answer = await answerTo(session, step.value);
      } catch (error) {
        step = steps.throw(toStepError(error));
        continue;
      }
      step = steps.next(answer);
    }
    return step.value;
  } catch (error) {
    throw error instanceof ConstraintError ? error.cause : error;
  }
}

async function answerTo(session: Session, ask: Ask): Promise<Answer> {
  switch (ask.want) {
    case "row":
      return (await session.all(ask.statement))[0];
    case "rows":
      return session.all(ask.statement);
    case "changes":
      return change(session, ask.statement);
    case "rowsOfEach":
      return Promise.all(ask.statements.map((statement) => session.all(statement)));
  }
}

/**
 * A statement that fails would leave a transaction in which nothing can be read any more, and steps read
 * why it has failed.
 */
async function change(session: Session, statement: Statement): Promise<number> {
  if (IS_SAVEPOINT.test(statement.sql)) return sendAhead(session, statement);
  const done = [session.run(SAVE), session.run(statement), session.run(RELEASE)] as const;
  const [saved, changed, released] = await Promise.allSettled(done);
  if (changed.status === "rejected") {
    if (saved.status === "fulfilled") await session.run(ROLLBACK_TO);
    throw changed.reason;
  }
  if (released.status === "rejected") throw released.reason;
  return changed.value;
}

/**
 * Nobody waits for the answer: where a savepoint cannot be, neither can what comes after it, and the end of
 * the transaction says so.
 */
function sendAhead(session: Session, statement: Statement): number {
  session.run(statement).catch(() => {});
  return 0;
}

const IS_SAVEPOINT = /^(?:SAVEPOINT|RELEASE|ROLLBACK TO) /;
const SAVE: Statement = { sql: "SAVEPOINT each", parameters: [] };
const RELEASE: Statement = { sql: "RELEASE each", parameters: [] };
const ROLLBACK_TO: Statement = { sql: "ROLLBACK TO each", parameters: [] };
