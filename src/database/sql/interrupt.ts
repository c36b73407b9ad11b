// Lets a statement that looks at many rows be ended: SQLite is asked, every few rows, whether anybody
// still waits for the answer. Knows SQL text only.

/** The SQL function that is true, or ends its statement with an error; each connection has it. */
export const CONTINUE_FUNCTION = "protostore_continue";

/** Asked for each row, a scan would take four times as long. A prime, as keys may go in steps. */
const KEY_MODULUS = 61;

/**
 * A condition that is true for every row, where `key` is its integer key. It must come first among the
 * conditions, or it is asked only for rows that meet the others.
 */
export function interruptible(key: string): string {
  return `(${key} % ${KEY_MODULUS} <> 0 OR ${CONTINUE_FUNCTION}())`;
}
