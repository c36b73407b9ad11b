// What becomes of rows that cannot be answered with: a List names them, or fails if reads are to be
// strict; either way they are counted.
// Must not know why a row cannot be read.

import { StoreError } from "../errors.ts";
import { faultError, type RowFault } from "../schema/row-fault.ts";

/** Deals with rows that cannot be answered with. */
export interface RowFaults {
  /**
   * The names of the rows that an answer is to leave out, if it can name them.
   * @throws StoreError ROW_UNREADABLE, ROW_TOO_LARGE if it cannot, or if reads are strict.
   */
  leaveOut(faults: readonly RowFault[], canName: boolean): readonly string[];
  /** To be told of errors that a row may be the cause of. */
  failed(error: unknown): void;
  /** How many rows there were. */
  readonly count: bigint;
}

/** Counts rows, and refuses to leave them out if `strict`. */
export function createRowFaults(strict: boolean): RowFaults {
  let count = 0;
  return {
    leaveOut(faults, canName) {
      count += faults.length;
      const [first] = faults;
      if (first && (strict || !canName)) throw faultError(first);
      return faults.map(({ resource }) => resource.name);
    },
    failed(error) {
      const isOfRow =
        error instanceof StoreError &&
        (error.code === "ROW_UNREADABLE" || error.code === "ROW_TOO_LARGE");
      if (isOfRow) count++;
    },
    get count() {
      return BigInt(count);
    },
  };
}
