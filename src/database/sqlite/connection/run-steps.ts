// Runs steps on a connection, each statement at once: nothing else can come between them.
// Must not begin or end a transaction.

import { type Answer, type Ask, ConstraintError, type Steps } from "../../sql/steps.ts";
import { isConstraintError } from "./connection.ts";
import type { StatementRunner } from "./statement-runner.ts";

/** What the steps end with. @throws what they throw, and what a statement of theirs failed with. */
export function runSteps<T>(runner: StatementRunner, steps: Steps<T>): T {
  try {
    let step = steps.next(undefined);
    while (!step.done) {
      let answer: Answer;
      try {
        answer = answerTo(runner, step.value);
      } catch (error) {
        step = steps.throw(toConstraintError(error));
        continue;
      }
      step = steps.next(answer);
    }
    return step.value;
  } catch (error) {
    throw error instanceof ConstraintError ? error.cause : error;
  }
}

function answerTo(runner: StatementRunner, ask: Ask): Answer {
  switch (ask.want) {
    case "row":
      return runner.get(ask.statement);
    case "rows":
      return runner.all(ask.statement);
    case "changes":
      return runner.run(ask.statement);
    case "rowsOfEach":
      return ask.statements.map((statement) => runner.all(statement));
  }
}

/** What steps know a constraint by; any other error is as it was. */
function toConstraintError(error: unknown): unknown {
  if (!isConstraintError(error)) return error;
  switch (error.code) {
    case "SQLITE_CONSTRAINT_FOREIGNKEY":
      return new ConstraintError("foreignKey", error);
    case "SQLITE_CONSTRAINT_PRIMARYKEY":
      return new ConstraintError("primaryKey", error);
    case "SQLITE_CONSTRAINT_UNIQUE":
      return new ConstraintError("unique", error);
    default:
      return new ConstraintError("other", error);
  }
}
