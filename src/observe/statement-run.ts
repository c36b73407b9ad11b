// What is told of a statement that has run, and where the statements of one call are noted.
// Never has the text of a statement, or its values.

/** How a statement went. */
export interface StatementRun {
  /** What it does, and to which table, such as `SELECT books`: as many names as there are tables. */
  readonly name: string;
  /** When it began, in milliseconds of `monotonicMs`. */
  readonly startMs: number;
  /** How long it blocked its thread, in nanoseconds. */
  readonly durationNs: number;
  /** How many rows it gave, or changed; 0 if it failed. */
  readonly rows: number;
  /** What it failed with, such as `SQLITE_BUSY`. */
  readonly errorCode?: string | undefined;
}

/** Told of each statement when it has ended. */
export type OnStatement = (run: StatementRun) => void;

/** The statements of one call, in their order; of very many, the first ones. */
export interface StatementLog {
  readonly runs: StatementRun[];
  /** How many there were beyond those. */
  leftOut: number;
}

/** The most statements that are noted of a call. */
const RUNS_MAX = 64;

/** Nothing has run yet. */
export function createStatementLog(): StatementLog {
  return { runs: [], leftOut: 0 };
}

/** Adds a statement, if there is room for it. */
export function noteStatement(log: StatementLog, run: StatementRun): void {
  if (log.runs.length < RUNS_MAX) log.runs.push(run);
  else log.leftOut += 1;
}

/** Each thread's `performance.now()` begins when it does; the clock behind it is the same. */
const ORIGIN_MS = Math.max(...Array.from({ length: 5 }, originMs));

/** A thread that has to wait between the two readings finds it too early. */
function originMs(): number {
  return Number(process.hrtime.bigint()) / 1e6 - performance.now();
}

/** A moment of this thread's `performance.now()` on the clock that all threads of a machine share. */
export function monotonicMs(threadMs: number): number {
  return ORIGIN_MS + threadMs;
}
