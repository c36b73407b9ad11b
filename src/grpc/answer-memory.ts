// The memory of answers that clients have not read yet, and its bound.
// Small ones are not counted: there are no more of them than calls.

import { StoreError } from "../errors.ts";
import type { Limits } from "../limits.ts";
import type { CountRefusal } from "./refusal-counts.ts";
import type { UnreadAnswers } from "./transport-call.ts";

/** An answer below this is always given, in bytes. */
const SMALL_BYTES = 16 * 1024;

/** The memory of a server's answers. */
export interface AnswerMemory {
  /**
   * Makes room for an answer, of a connection that may have a bound of its own; the result, if there is
   * one, gives it back, once the client has the answer or the call is over.
   * @throws StoreError OVERLOADED if there is none.
   */
  take(bytes: number, connection?: UnreadAnswers): (() => void) | undefined;
}

/** Memory of which nothing is taken. */
export function createAnswerMemory(
  limits: Pick<Limits, "unreadAnswerBytes" | "connectionUnreadBytes" | "retryDelayMs">,
  countRefusal: CountRefusal,
): AnswerMemory {
  const all: UnreadAnswers = { bytes: 0 };

  function refuse(limit: "unreadAnswerBytes" | "connectionUnreadBytes"): never {
    countRefusal(limit);
    throw new StoreError("OVERLOADED", "too many answers have not been read yet", {
      retryDelayMs: limits.retryDelayMs,
    });
  }

  return {
    take(bytes, connection) {
      if (bytes < SMALL_BYTES) return undefined;
      if (all.bytes + bytes > limits.unreadAnswerBytes) refuse("unreadAnswerBytes");
      if (connection && connection.bytes + bytes > limits.connectionUnreadBytes) {
        refuse("connectionUnreadBytes");
      }
      all.bytes += bytes;
      if (connection) connection.bytes += bytes;
      return () => {
        all.bytes -= bytes;
        if (connection) connection.bytes -= bytes;
      };
    },
  };
}
