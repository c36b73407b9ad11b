// The two ways to refuse a caller.
// Must not say more than its credentials allow it to know.

import type { Role } from "../config.ts";
import { StoreError } from "../errors.ts";
import type { Principal } from "./principal.ts";

/** Who calls is not known. */
export function unauthenticated(reason: string, cause?: unknown): StoreError {
  return new StoreError("UNAUTHENTICATED", reason, { cause });
}

/** Who calls is known, and may not do that. */
export function permissionDenied(principal: Principal, method: string, needed: Role): StoreError {
  return new StoreError("PERMISSION_DENIED", `${principal.name} may not call ${method}`, {
    metadata: { principal: principal.name, role: principal.role, required_role: needed },
  });
}
