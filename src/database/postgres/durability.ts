// What a commit of the server's own waits for, whatever the database, the role or the address have set: a
// write is acknowledged when it is synced, unless the server is to be relaxed.

import type { Durability } from "../../config.ts";

/** Some settings wait for standbys too: those stay. */
const SYNCED =
  "CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END";

/** SQL for the `synchronous_commit` that transactions of the server have. */
export function synchronousCommit(durability: Durability): string {
  return durability === "relaxed" ? "'off'" : SYNCED;
}
