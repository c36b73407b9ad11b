// How a thread tells the main thread of the statements that it has run: with its answer, in two values,
// since many small ones take long to send. Knows no calls but by their numbers.

import type { OnStatement, StatementRun } from "../../../observe/statement-run.ts";

/** Statements in values that can be sent to another thread. */
export interface PortableRuns {
  /** The name of each, with its error's code if it failed. */
  readonly names: string;
  /** CELLS numbers of each. */
  readonly numbers: Float64Array;
}

/** A statement, and which commits it was run for: those with numbers from `first` to `last`. */
export interface ToldRun extends StatementRun {
  readonly first: number;
  readonly last: number;
}

/** Notes statements until they are told. */
export interface StatementTeller {
  readonly onStatement: OnStatement;
  /** What comes now is for these commits alone, or for all that are told of together if none are named. */
  concern(first?: number, last?: number): void;
  /** Those since the last time; undefined if there are none. */
  take(): PortableRuns | undefined;
}

const CELLS = 5;
const [LINE, CODE] = ["\n", "\t"];
const ALL = [0, Number.POSITIVE_INFINITY] as const;

/** Notes at most `runsMax` of them. */
export function createStatementTeller(runsMax: number): StatementTeller {
  let names: string[] = [];
  let numbers: number[] = [];
  let [first, last]: readonly [number, number] = ALL;

  /** Somebody who waits for a lock asks for it again and again: that is one long attempt. */
  function prolong(name: string, startMs: number, durationNs: number): boolean {
    if (names.at(-1) !== name) return false;
    const at = numbers.length - CELLS;
    numbers[at + 1] = (startMs - (numbers[at] as number)) * 1e6 + durationNs;
    return true;
  }

  return {
    onStatement({ name, startMs, durationNs, rows, errorCode }) {
      const label = errorCode === undefined ? name : name + CODE + errorCode;
      if (errorCode !== undefined && prolong(label, startMs, durationNs)) return;
      if (names.length >= runsMax) return;
      names.push(label);
      numbers.push(startMs, durationNs, rows, first, last);
    },
    concern(from, to = from) {
      [first, last] = from === undefined || to === undefined ? ALL : [from, to];
    },
    take() {
      if (names.length === 0) return undefined;
      const told = { names: names.join(LINE), numbers: Float64Array.from(numbers) };
      names = [];
      numbers = [];
      return told;
    },
  };
}

/** The statements that were told of. */
export function unpackRuns(told: PortableRuns | undefined): readonly ToldRun[] {
  if (!told) return [];
  return told.names.split(LINE).map((label, index) => {
    const [name = "", errorCode] = label.split(CODE);
    const [startMs = 0, durationNs = 0, rows = 0, first = 0, last = 0] = told.numbers.subarray(
      index * CELLS,
      (index + 1) * CELLS,
    );
    return { name, startMs, durationNs, rows, errorCode, first, last };
  });
}
