// Reads the address to listen at and says in one line why it is of no use.
// Opens nothing.

import { StoreError } from "../errors.ts";

const ADDRESS = /^(?:\[[0-9a-fA-F:.]+\]|[^\s:/[\]]+):(\d{1,5})$/;

/**
 * Checks that `address` is `host:port`, an IPv6 host in brackets.
 * @throws StoreError INVALID_CONFIG if it is not.
 */
export function checkAddress(address: string): void {
  const port = ADDRESS.exec(address)?.[1];
  if (port === undefined || Number(port) > 65_535) {
    throw new StoreError(
      "INVALID_CONFIG",
      `"${address}" is not an address: it must be like 127.0.0.1:50051 or [::1]:50051`,
    );
  }
}

const REASONS: readonly (readonly [RegExp, string])[] = [
  [/EADDRINUSE/, "the port is in use"],
  [/EACCES/, "this user may not use the port"],
  [/EADDRNOTAVAIL/, "this machine does not have that address"],
  [/ENOTFOUND|EAI_AGAIN|Name resolution failed/, "there is no such host"],
];

/** Why the server cannot listen at `address`, as an INVALID_CONFIG. */
export function listenError(address: string, cause: unknown): StoreError {
  const text = String(cause);
  const reason = REASONS.find(([pattern]) => pattern.test(text))?.[1] ?? "the system refused it";
  return new StoreError("INVALID_CONFIG", `cannot listen on ${address}: ${reason}`, { cause });
}
