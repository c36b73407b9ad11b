// The password of a connection, read when the server asks for it: a file may have another by then.
// Must not let one into a message.

import { readFile, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import type { Address } from "./address.ts";

/** Whom the password is for. */
export interface Account {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
}

/** @throws Error if there is none, or its file cannot be read, or others may read it. */
export async function readPassword(address: Address, account: Account): Promise<string> {
  const password = await lookUp(address, account);
  if (password !== undefined) return password;
  throw new Error("the server asks for a password, and there is none");
}

async function lookUp(
  { password, password_file, passfile }: Address,
  account: Account,
): Promise<string | undefined> {
  if (password !== undefined) return password;
  if (password_file !== undefined) {
    return (await readFile(password_file, "utf8")).replace(/\r?\n$/, "");
  }
  if (passfile !== undefined) return findPassword(await readPrivate(passfile), account);
  const own = join(homedir(), ".pgpass");
  const isThere = await stat(own).then(
    () => true,
    () => false,
  );
  return isThere ? findPassword(await readPrivate(own), account) : undefined;
}

const OTHERS = 0o077;

async function readPrivate(path: string): Promise<string> {
  const { mode } = await stat(path);
  if (process.platform !== "win32" && (mode & OTHERS) !== 0) {
    throw new Error(`${path} has passwords that others can read; run: chmod 600 ${path}`);
  }
  return readFile(path, "utf8");
}

/** The password of the first line that is for the account: `host:port:database:user:password`. */
function findPassword(lines: string, { host, port, database, user }: Account): string | undefined {
  const wanted = [host.startsWith("/") ? "localhost" : host, String(port), database, user];
  for (const line of lines.split(/\r?\n/)) {
    if (line.startsWith("#")) continue;
    const fields = [...line.matchAll(/(?:^|:)((?:[^:\\]|\\.)*)/g)].map(([, field = ""]) =>
      field.replaceAll(/\\(.)/g, "$1"),
    );
    const isFor = wanted.every((value, place) => fields[place] === "*" || fields[place] === value);
    if (isFor && fields.length > wanted.length) return fields[wanted.length];
  }
  return undefined;
}
