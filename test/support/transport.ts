// Which transport the servers of the tests have: any suite runs by either.
// Must not start them.

import type { TransportName } from "../../src/config.ts";

/** The transport that `TEST_TRANSPORT` names. */
export function testTransport(): TransportName {
  const name = process.env.TEST_TRANSPORT ?? "grpc-js";
  if (name !== "grpc-js" && name !== "wire") throw new Error(`there is no transport ${name}`);
  return name;
}
