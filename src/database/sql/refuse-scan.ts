// Which Lists cost too much to be run, as they are explained. Pure.
// Must not look at a row, nor ask the database.

import { invalidField } from "../../errors.ts";
import type { Explanation } from "../explanation.ts";

/**
 * Refuses a filter that must look at more than `rowsMax` rows; 0 refuses none.
 * @throws StoreError INVALID_FIELD, for `filter`.
 */
export function refuseScan(explanation: Explanation, rowsMax: number): void {
  const { steps, estimatedRows, isFiltered } = explanation;
  const scans = steps.some(({ kind }) => kind === "scan" || kind === "scan-index");
  if (rowsMax === 0 || !isFiltered || !scans || estimatedRows <= BigInt(rowsMax)) return;
  throw invalidField(
    "filter",
    `would look at about ${estimatedRows} rows, more than the ${rowsMax} that are allowed; restrict a field that has an index to one value, or order by it`,
  );
}
