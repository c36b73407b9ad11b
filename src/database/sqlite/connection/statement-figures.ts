// Counts the statements of all threads: each thread in memory of its own, which the main thread reads
// when it is asked. No thread sends a message for it.

import {
  cellsOf,
  type Distribution,
  joinDistributions,
  observe,
  readDistribution,
} from "../../../observe/distribution.ts";
import type { StatementFigures, WorkFigures } from "../../figures.ts";
import type { OnStatement } from "./statement-runner.ts";

/** Where a thread counts. */
export type StatementCells = SharedArrayBuffer;

/** The kinds that are told apart; all others are `other`. */
const OPERATIONS = ["SELECT", "INSERT", "UPDATE", "DELETE", "BEGIN", "COMMIT", "ROLLBACK", "other"];

/** In seconds. */
const SECONDS = [
  0.00001, 0.000025, 0.0001, 0.00025, 0.001, 0.0025, 0.01, 0.025, 0.1, 0.25, 1, 2.5, 10,
];

const GROUP_SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];

/** Those of a distribution, and one for the statements that failed. */
const CELLS = cellsOf(SECONDS) + 1;

/** Counts in cells that `createWorkMeter` made. */
export function countStatements(shared: StatementCells): OnStatement {
  const cells = new Float64Array(shared);
  // There are as many names as tables and verbs.
  const starts = new Map<string, number>();
  return ({ name, durationNs, error }) => {
    const start = starts.get(name) ?? startOf(name);
    starts.set(name, start);
    observe(cells, start, SECONDS, durationNs / 1e9);
    if (error !== undefined) cells[start + CELLS - 1] = (cells[start + CELLS - 1] as number) + 1;
  };
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
    }),
  };
}

function newCells(): StatementCells {
  const numbers = OPERATIONS.length * CELLS;
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
