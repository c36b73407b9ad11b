// Whether the messages of a batch fit into one answer. Knows sizes only: a read finds them before it
// joins the messages, a write before it commits.

import { StoreError } from "../../../errors.ts";

/**
 * @throws StoreError ANSWER_TOO_LARGE, with the number of messages that would fit, if those of these
 * lengths have more than `bytesMax` as they stand in the answer.
 */
export function refuseTooLarge(
  lengths: readonly number[],
  framedSize: (length: number) => number,
  bytesMax: number,
): void {
  let bytes = 0;
  for (const [fitting, length] of lengths.entries()) {
    bytes += framedSize(length);
    if (bytes <= bytesMax) continue;
    const message = `only the first ${fitting} of ${lengths.length} resources fit into an answer`;
    throw new StoreError("ANSWER_TOO_LARGE", message, {
      metadata: { fitting: String(fitting), requested: String(lengths.length) },
    });
  }
}
