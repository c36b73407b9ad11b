// `protostore purge`: has a running server leave nothing of what was deleted in its file and its log.
// Is a client like any other: it never opens the database file.

import { runMaintenance } from "./maintain.ts";
import { type ServerOptions, serverCommand } from "./server-client.ts";
import { switchOption } from "./shared-options.ts";

/** The command `purge`; it throws StoreError if something may be left. */
export function purgeCommand() {
  return serverCommand("purge")
    .description(
      "have a running server leave nothing of what was deleted: no writes until it is done",
    )
    .addOption(
      switchOption(
        "forget-requests",
        "forget all answers to request ids: what is sent again is carried out again",
      ),
    )
    .addHelpText("after", "\nExample:\n  $ protostore purge --address 127.0.0.1:50051")
    .action(({ forgetRequests, ...server }: ServerOptions & { readonly forgetRequests: boolean }) =>
      runMaintenance(server, { purge: true, forgetRequests }),
    );
}
