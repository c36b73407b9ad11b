// The one way by which a commit changes the row of a resource: what is to happen with every change, in
// its transaction, happens here. Neither the bytes that a row is given, nor its child rows and links, are
// changes of their own.

import type { ResourceIdentity } from "../../../errors.ts";
import type { Change } from "../../change.ts";
import type { Statement } from "../statements.ts";
import type { Steps } from "../steps.ts";
import { type Transaction, write } from "./transaction.ts";

/**
 * Runs the statement that makes the change, and records it; it counts when the transaction is committed.
 * @throws StoreError WRITE_REFUSED, with `resource`, if the statement has changed other than these rows.
 */
export function* recordChange(
  tx: Pick<Transaction, "changes" | "foreign">,
  change: Change,
  statement: Statement,
  resource?: ResourceIdentity,
): Steps<void> {
  yield* write(tx, change.plan, statement, change.rows.length, resource);
  tx.changes.push(change);
}
