// Decides whether a call may be made, by what its method needs and who makes it.
// Must run nothing in the database: it comes before all else.

import type { DescMethod } from "@bufbuild/protobuf";
import type { Role } from "../config.ts";
import type { Authenticator, Credentials } from "./authenticator.ts";
import { requiredRole } from "./method-policy.ts";
import { includesRole, type Principal } from "./principal.ts";
import { permissionDenied } from "./refusals.ts";

/** What is served, as far as it matters for who may call it. */
export interface Policy {
  /** Whether anybody can ask what is served. */
  readonly isReflectionOpen: boolean;
  /** The type of the resources that each service is for, by the service's full name. */
  readonly resourceTypes: ReadonlyMap<string, string>;
}

/** Lets the calls of one method in, in two steps: who is refused is known by name. */
export interface Admission {
  /** Who calls; it throws, or rejects with, StoreError UNAUTHENTICATED or KEYS_UNAVAILABLE. */
  identify(credentials: Credentials): Principal | Promise<Principal>;
  /** @throws StoreError PERMISSION_DENIED */
  authorize(principal: Principal): void;
}

/** What lets in the calls of `method`; undefined if anybody may make them. */
export function admissionTo(
  method: DescMethod,
  authenticator: Authenticator,
  { isReflectionOpen, resourceTypes }: Policy,
): Admission | undefined {
  const needed = requiredRole(method, isReflectionOpen);
  if (needed === "none") return undefined;
  const service = method.parent.typeName;
  const call: MethodFacts = {
    name: `${service}/${method.name}`,
    service,
    needed,
    resourceType: resourceTypes.get(service),
  };
  return {
    identify: authenticator.authenticate,
    authorize(principal) {
      if (!mayCall(principal, call)) throw permissionDenied(principal, call.name, needed);
    },
  };
}

interface MethodFacts {
  readonly name: string;
  readonly service: string;
  readonly needed: Role;
  /** Undefined if the service is for resources of any type. */
  readonly resourceType: string | undefined;
}

function mayCall({ role, methods, resourceTypes }: Principal, call: MethodFacts): boolean {
  if (!includesRole(role, call.needed)) return false;
  if (methods && !methods.includes(call.name) && !methods.includes(`${call.service}/*`))
    return false;
  if (!resourceTypes) return true;
  return call.resourceType !== undefined && resourceTypes.includes(call.resourceType);
}
