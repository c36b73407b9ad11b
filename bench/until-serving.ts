// Waits for a server that was just started. It starts none.

import { setTimeout as sleep } from "node:timers/promises";
import { DatabaseService } from "../gen/protostore/v1/database_service_pb.ts";
import type { Connection } from "../src/client/client.ts";

const POLL_MS = 100;

/** Resolves when the server answers. */
export async function untilServing(connection: Connection): Promise<void> {
  const { getDatabaseStatus } = connection.service(DatabaseService);
  for (;;) {
    const isServing = await getDatabaseStatus({}).then(
      () => true,
      () => false,
    );
    if (isServing) return;
    await sleep(POLL_MS);
  }
}
