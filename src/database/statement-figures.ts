// Counts the statements of a database, in all of its threads if it has several: each thread in memory of its
// own, which the main thread reads when it is asked. No thread sends a message for it.

import {
  cellsOf,
  type Distribution,
  joinDistributions,
  observe,
  readDistribution,
} from "../observe/distribution.ts";
import type { OnStatement } from "../observe/statement-run.ts";
import type { StatementFigures, WorkFigures } from "./figures.ts";

/** Where a thread counts. */
export type StatementCells = SharedArrayBuffer;

/** The kinds that are told apart; all others are `other`. */
const OPERATIONS = ["SELECT", "INSERT", "UPDATE", "DELETE", "BEGIN", "COMMIT", "ROLLBACK", "other"];

/** In seconds. */
const SECONDS = [
  0.00001, 0.000025, 0.0001, 0.00025, 0.001, 0.0025, 0.01, 0.025, 0.1, 0.25, 1, 2.5, 10,
];

/** How long the lock of another process is waited for, in seconds. */
const WAIT_SECONDS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

const GROUP_SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];

/** Those of a distribution, and one for the statements that failed. */
const CELLS = cellsOf(SECONDS) + 1;

/** After all operations: those of the waits for locks. */
const WAITS_START = OPERATIONS.length * CELLS;

/** Counts in cells that `createWorkMeter` made. */
export function countStatements(shared: StatementCells): OnStatement {
  const cells = new Float64Array(shared);
  // There are as many names as tables and verbs.
  const starts = new Map<string, number>();
  return ({ name, durationNs, errorCode }) => {
    const start = starts.get(name) ?? startOf(name);
    starts.set(name, start);
    observe(cells, start, SECONDS, durationNs / 1e9);
    if (errorCode !== undefined)
      cells[start + CELLS - 1] = (cells[start + CELLS - 1] as number) + 1;
  };
}

/** Counts waits for locks in such cells. */
export function countLockWaits(shared: StatementCells): (waitMs: number) => void {
  const cells = new Float64Array(shared);
  return (waitMs) => observe(cells, WAITS_START, WAIT_SECONDS, waitMs / 1_000);
}

function startOf(name: string): number {
  const [verb = ""] = name.split(" ", 1);
  const place = OPERATIONS.indexOf(verb);
  return (place === -1 ? OPERATIONS.length - 1 : place) * CELLS;
}

/** What measures the work of a database. */
export interface WorkMeter {
  /** For the main thread. */
  readonly onStatement: OnStatement;
  /** For the writer, one after the other. */
  readonly writerCells: StatementCells;
  /** For a reader, until it gives them back; what another has counted in them stays. */
  takeCells(): StatementCells;
  giveBack(cells: StatementCells): void;
  /** Counts a transaction that so many calls share. */
  onGroup(calls: number): void;
  read(): WorkFigures;
}

/** Begins to measure. */
export function createWorkMeter(): WorkMeter {
  const own = newCells();
  const writerCells = newCells();
  const all = [own, writerCells];
  const free: StatementCells[] = [];
  const groups = new Float64Array(cellsOf(GROUP_SIZES));
  return {
    onStatement: countStatements(own),
    writerCells,
    takeCells() {
      const known = free.pop();
      if (known) return known;
      const made = newCells();
      all.push(made);
      return made;
    },
    giveBack: (cells) => void free.push(cells),
    onGroup: (calls) => observe(groups, 0, GROUP_SIZES, calls),
    read: () => ({
      statements: OPERATIONS.map((operation) => readOperation(operation, all)),
      commits: durationsIn(writerCells, "COMMIT"),
      groups: readDistribution(groups, 0, GROUP_SIZES),
      lockWaits: readDistribution(new Float64Array(writerCells), WAITS_START, WAIT_SECONDS),
    }),
  };
}

function newCells(): StatementCells {
  const numbers = WAITS_START + cellsOf(WAIT_SECONDS);
  return new SharedArrayBuffer(numbers * Float64Array.BYTES_PER_ELEMENT);
}

function readOperation(operation: string, all: readonly StatementCells[]): StatementFigures {
  const [first, ...others] = all.map((cells) => durationsIn(cells, operation));
  const failed = startOf(operation) + CELLS - 1;
  return {
    operation,
    durations: joinDistributions(first as Distribution, others),
    errors: all.reduce((sum, cells) => sum + (new Float64Array(cells)[failed] as number), 0),
  };
}

function durationsIn(shared: StatementCells, operation: string): Distribution {
  return readDistribution(new Float64Array(shared), startOf(operation), SECONDS);
}
