// How a server is reached: what its address says, and libpq's variables where the address is silent. A
// parameter that has no meaning here is refused, since it would not do what it says.
// Must not connect, nor let a password into a message.

import { StoreError } from "../../errors.ts";

/** The parameters of an address, with libpq's variable for each. */
const VARIABLES = {
  host: "PGHOST",
  port: "PGPORT",
  dbname: "PGDATABASE",
  user: "PGUSER",
  password: "PGPASSWORD",
  /** Lines of libpq's form, `host:port:database:user:password`. */
  passfile: "PGPASSFILE",
  /** The password and nothing else; libpq has no such parameter. */
  password_file: undefined,
  sslmode: "PGSSLMODE",
  sslrootcert: "PGSSLROOTCERT",
  sslcert: "PGSSLCERT",
  sslkey: "PGSSLKEY",
  sslpassword: undefined,
  connect_timeout: "PGCONNECT_TIMEOUT",
  application_name: "PGAPPNAME",
  options: "PGOPTIONS",
  /** Obeyed by who chooses among the hosts. */
  target_session_attrs: undefined,
} as const;

type Parameter = keyof typeof VARIABLES;

/** What is said of a server; what is not said is absent, and never empty. */
export type Address = { readonly [Name in Parameter]?: string };

/** @throws StoreError INVALID_CONFIG for an address that cannot be read, or asks for what is not there. */
export function readAddress(url: string, environment = process.env): Address {
  const given = readUrl(url);
  const unknown = [...given.keys()].find((name) => !Object.hasOwn(VARIABLES, name));
  if (unknown !== undefined) {
    const known = Object.keys(VARIABLES).join(", ");
    throw new StoreError(
      "INVALID_CONFIG",
      `the address of the database has ${unknown}: not of ${known}`,
    );
  }
  for (const [name, variable] of Object.entries(VARIABLES)) {
    const value = variable === undefined ? undefined : environment[variable];
    // A password of the address is that of its user.
    if (value && !given.has(name) && !isOutdone(name, given)) given.set(name, value);
  }
  for (const [name, max] of Object.entries(NUMBERS)) {
    const text = given.get(name) ?? "1";
    if (/^\d{1,9}$/.test(text) && Number(text) >= 1 && Number(text) <= max) continue;
    throw new StoreError("INVALID_CONFIG", `${name} of the database must be from 1 to ${max}`);
  }
  return Object.fromEntries(given);
}

/** The largest value of those that are numbers; times are in seconds. */
const NUMBERS = { port: 65_535, connect_timeout: 3_600 };

/** The address's own password file goes before a password of the environment. */
function isOutdone(name: string, given: ReadonlyMap<string, string>): boolean {
  return name === "password" && given.has("password_file");
}

function readUrl(text: string): Map<string, string> {
  try {
    const url = new URL(text);
    const parts = [
      ["user", decodeURIComponent(url.username)],
      ["password", decodeURIComponent(url.password)],
      ["host", decodeURIComponent(url.hostname).replace(/^\[(.*)\]$/, "$1")],
      ["port", url.port],
      ["dbname", decodeURIComponent(url.pathname.slice(1))],
      ...url.searchParams,
    ] as const;
    return new Map(parts.filter(([, value]) => value !== ""));
  } catch {
    // The error of URL has the whole text, with the password.
    const form = "postgres://user@host:port/database, with %-escapes in user and password";
    throw new StoreError("INVALID_CONFIG", `the address of the database cannot be read: ${form}`);
  }
}
