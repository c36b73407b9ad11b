// What is known not to hold, each for one reason: the random writes leave it out, so that they find
// what nobody knows. OUTSIDE_STRICT=1 puts all of it in. A limit that is mended is deleted here.

/** Each limit is true where it is to be left out. */
export const LIMITS = {
  /**
   * A trigger of a user that ends the statement and keeps what it did, before our AFTER trigger has
   * run: RAISE(FAIL), RAISE(IGNORE) after the change, OR FAIL in a statement whose trigger fails.
   */
  endingTriggers: false,
  /** A BEFORE UPDATE trigger of a user that refuses, or ignores, the update in our own trigger. */
  refusedMarks: false,
};
