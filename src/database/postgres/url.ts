// What names a database of PostgreSQL, on the command line and in settings.
// Must not be told with its password.

import { StoreError } from "../../errors.ts";
import { readAddress } from "./address.ts";

const SCHEME = /^postgres(?:ql)?:\/\//;

/** Scheme, user and password, hosts, and what comes after them. */
const PARTS = /^(postgres(?:ql)?:\/\/)(?:([^/?#]*)@)?([^/?#]*)(.*)$/s;

/** True for the address of a PostgreSQL server, and false for the path of a file. */
export function isPostgresUrl(database: string): boolean {
  return SCHEME.test(database);
}

/** The addresses of a list with commas between them; commas may also stand between the hosts of one. */
export function addressesIn(list: string): readonly string[] {
  return list.split(/,(?=postgres(?:ql)?:\/\/)/);
}

/** An address, or a list of them, as it may be shown. */
export function withoutPassword(list: string): string {
  return addressesIn(list).map(maskAddress).join(",");
}

function maskAddress(database: string): string {
  const [, scheme = "", user, hosts = "", rest = ""] = PARTS.exec(database) ?? [];
  if (scheme === "") return database;
  const shown = user === undefined ? "" : `${user.replace(/:.*$/s, ":***")}@`;
  const [path = "", query] = rest.split(/\?(.*)/s);
  return `${scheme}${shown}${hosts}${path}${query === undefined ? "" : `?${maskQuery(query)}`}`;
}

function maskQuery(query: string): string {
  const parameters = new URLSearchParams(query);
  const secrets = ["password", "sslpassword"].filter((name) => parameters.has(name));
  if (secrets.length === 0) return query;
  for (const name of secrets) parameters.set(name, "***");
  return parameters.toString();
}

/** The address of each host by itself: as for libpq there may be several, `postgres://a:5432,b:5432/shop`. */
export function hostsOf(database: string): readonly string[] {
  const [, scheme = "", user, hosts = "", rest = ""] = PARTS.exec(database) ?? [];
  if (!hosts.includes(",")) return [database];
  const before = user === undefined ? scheme : `${scheme}${user}@`;
  return hosts.split(",").map((host) => `${before}${host}${rest}`);
}

/** The host and the port, or those of each host, as they may be shown. */
export function addressOf(database: string): string {
  return PARTS.exec(database)?.[3] ?? "";
}

/**
 * Whether a host that cannot be written is passed over: the one that can is looked for where there are
 * several, and where `target_session_attrs` asks for it.
 * @throws StoreError INVALID_CONFIG for an address that cannot be, or asks for anything else.
 */
export function wantsWritableHost(database: string, isReader: boolean): boolean {
  const hosts = hostsOf(database);
  const [wanted] = hosts.map((host) => readAddress(host).target_session_attrs);
  if (wanted === undefined) return hosts.length > 1 && !isReader;
  if (wanted === "any") return false;
  if (wanted === "read-write" || wanted === "primary") return true;
  throw new StoreError("INVALID_CONFIG", "target_session_attrs must be any, read-write or primary");
}
