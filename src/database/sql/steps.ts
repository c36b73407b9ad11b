// Logic apart from who runs it: steps are generators that yield what they ask of a database and receive
// what it gave. A driver may answer at once, or wait between two of them.
// Must not know any driver, nor whether a transaction is open.

import type { Row } from "../../schema/sql-value.ts";
import type { Statement } from "./statements.ts";

/**
 * What steps ask for: the only row of a statement or undefined, all of its rows, how many it changed,
 * or the rows of each of several that do not depend on each other.
 */
export type Ask =
  | { readonly want: "row" | "rows" | "changes"; readonly statement: Statement }
  | { readonly want: "rowsOfEach"; readonly statements: readonly Statement[] };

/** What each kind of question is answered with. */
interface Answers {
  readonly row: Row | undefined;
  readonly rows: readonly Row[];
  readonly changes: number;
  readonly rowsOfEach: readonly (readonly Row[])[];
}

export type Answer = Answers[Ask["want"]];

/**
 * Steps that end with `T`. What a statement failed with is thrown into them where they asked: a
 * ConstraintError if a constraint refused it. A call of a function that gives steps does nothing by
 * itself: `yield*` runs it.
 */
export type Steps<T> = Generator<Ask, T, Answer>;

/** Which constraint refused a statement. */
export type ConstraintKind = "foreignKey" | "primaryKey" | "unique" | "other";

/** A statement that a constraint has refused; the driver's own error is its cause. */
export class ConstraintError extends Error {
  readonly kind: ConstraintKind;

  constructor(kind: ConstraintKind, cause: unknown) {
    super("a constraint refuses the statement", { cause });
    this.name = "ConstraintError";
    this.kind = kind;
  }
}

/** The only row of a statement, if it has one. */
export function* getRow(statement: Statement): Steps<Row | undefined> {
  return (yield { want: "row", statement }) as Answers["row"];
}

/** The rows of a statement. */
export function* allRows(statement: Statement): Steps<readonly Row[]> {
  return (yield { want: "rows", statement }) as Answers["rows"];
}

/** The rows of each of the statements, which a driver may send together. */
export function* rowsOfEach(statements: readonly Statement[]): Steps<Answers["rowsOfEach"]> {
  return (yield { want: "rowsOfEach", statements }) as Answers["rowsOfEach"];
}

/** Runs a statement that has no rows; the number of rows that it changed. */
export function* change(statement: Statement): Steps<number> {
  return (yield { want: "changes", statement }) as Answers["changes"];
}
