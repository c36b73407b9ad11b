// Something that does not hold: which check it is, so that the same one can be found again, and what
// was seen.

/** A check that failed. */
export interface Fault {
  readonly check: string;
  readonly detail: string;
}
