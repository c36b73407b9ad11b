// Who calls, and what that one may do.
// Must not know how it is found out.

import type { Role } from "../config.ts";

/** All roles: each may also do what those before it may. */
export const ROLES: readonly Role[] = ["reader", "writer", "admin"];

/** A caller that has proved who it is. */
export interface Principal {
  /** For logs and audits, for example `token:reports` or `jwt:alice`. */
  readonly name: string;
  readonly role: Role;
  /** The methods that it may call, such as `library.v1.BookService/GetBook` or `library.v1.BookService/*`; all if absent. */
  readonly methods?: readonly string[] | undefined;
  /** The types of resources whose services it may call, such as `library.example.com/Book`; all if absent. */
  readonly resourceTypes?: readonly string[] | undefined;
}

/** Whether who has the role `held` may do what needs `needed`. */
export function includesRole(held: Role, needed: Role): boolean {
  return ROLES.indexOf(held) >= ROLES.indexOf(needed);
}

/** True for the name of a role. */
export function isRole(text: unknown): text is Role {
  return ROLES.some((role) => role === text);
}
