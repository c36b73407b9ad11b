// The memory of answers that clients have not read yet, and its bound.
// Small ones are not counted: there are no more of them than calls.

import { StoreError } from "../errors.ts";
import type { Limits } from "../limits.ts";
import type { CountRefusal } from "./refusal-counts.ts";

/** An answer below this is always given, in bytes. */
const SMALL_BYTES = 16 * 1024;

/** The memory of a server's answers. */
export interface AnswerMemory {
  /**
   * Makes room for an answer; the result, if there is one, gives it back, once the client has the
   * answer or the call is over.
   * @throws StoreError OVERLOADED if there is none.
   */
  take(bytes: number): (() => void) | undefined;
}

/** Memory of which nothing is taken. */
export function createAnswerMemory(
  limits: Pick<Limits, "unreadAnswerBytes" | "retryDelayMs">,
  countRefusal: CountRefusal,
): AnswerMemory {
  let taken = 0;
  return {
    take(bytes) {
      if (bytes < SMALL_BYTES) return undefined;
      if (taken + bytes > limits.unreadAnswerBytes) {
        countRefusal("unreadAnswerBytes");
        throw new StoreError("OVERLOADED", "too many answers have not been read yet", {
          retryDelayMs: limits.retryDelayMs,
        });
      }
      taken += bytes;
      return () => {
        taken -= bytes;
      };
    },
  };
}
