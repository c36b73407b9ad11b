// The file that tokens are kept in: of each its hash, and what it is good for.
// Never holds a token: who reads the file can call nothing.

import { createHash, randomBytes } from "node:crypto";
import {
  closeSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import type { Role } from "../config.ts";
import { StoreError } from "../errors.ts";
import { flush } from "../flush.ts";
import { isRole } from "./principal.ts";

/** What is known of a token. */
export interface StoredToken {
  /** Part of the token, and no secret. */
  readonly id: string;
  /** Who uses it. */
  readonly name: string;
  readonly role: Role;
  /** The SHA-256 of the secret part, in hex. */
  readonly sha256: string;
  /** RFC 3339, as all times here. */
  readonly createTime: string;
  /** When it is no longer good; it stays so for ever if absent. */
  readonly expireTime?: string;
  /** See `Principal`. */
  readonly methods?: readonly string[];
  /** See `Principal`. */
  readonly resourceTypes?: readonly string[];
}

/** What whoever creates a token says of it. */
export type NewToken = Omit<StoredToken, "id" | "sha256">;

/** Tells a token from anything else, for people and for scanners of secrets. */
const PREFIX = "pst";
const ID_BYTES = 6;
const SECRET_BYTES = 32;
const TOKEN = new RegExp(`^${PREFIX}_([0-9a-f]{${ID_BYTES * 2}})_([\\w-]{43})$`);

/** The bits of a file's mode by which others than its owner may write it. */
const WRITABLE_BY_OTHERS = 0o022;

/** A new token: the text, which nobody can be told again, and what is kept of it. */
export function makeToken(told: NewToken): { text: string; stored: StoredToken } {
  const id = randomBytes(ID_BYTES).toString("hex");
  const secret = randomBytes(SECRET_BYTES).toString("base64url");
  const sha256 = hashSecret(secret).toString("hex");
  return { text: `${PREFIX}_${id}_${secret}`, stored: { id, ...told, sha256 } };
}

/** The parts of a token, undefined if it is none. */
export function parseToken(text: string): { id: string; secret: string } | undefined {
  const [, id, secret] = TOKEN.exec(text) ?? [];
  return id === undefined || secret === undefined ? undefined : { id, secret };
}

/** What is kept of the secret part; it has more entropy than a slow hash would add. */
export function hashSecret(secret: string): Buffer {
  return createHash("sha256").update(secret).digest();
}

/**
 * The tokens of a file.
 * @throws StoreError INVALID_CONFIG if it cannot be read, if others may write it, or with what is
 * wrong in it.
 */
export function readTokens(path: string): readonly StoredToken[] {
  let text: string;
  try {
    if ((statSync(path).mode & WRITABLE_BY_OTHERS) !== 0) {
      throw unusable(path, "others may write it: chmod 600 it");
    }
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw cause instanceof StoreError ? cause : unusable(path, "it cannot be read", cause);
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw unusable(path, `it is not JSON: ${(cause as Error).message}`, cause);
  }
  const { tokens } = Object(parsed) as { tokens?: unknown };
  if (!Array.isArray(tokens)) throw unusable(path, "it has no list `tokens`");
  tokens.forEach((token, index) => {
    const fault = findFault(Object(token) as Record<string, unknown>);
    if (fault) throw unusable(path, `tokens[${index}].${fault}`);
  });
  const ids = new Set(tokens.map(({ id }: StoredToken) => id));
  if (ids.size < tokens.length) throw unusable(path, "two tokens have the same id");
  return tokens as readonly StoredToken[];
}

const CHECKS: Readonly<Record<keyof StoredToken, (value: unknown) => boolean>> = {
  id: (value) => typeof value === "string" && /^[0-9a-f]{12}$/.test(value),
  name: (value) => typeof value === "string" && value !== "",
  role: isRole,
  sha256: (value) => typeof value === "string" && /^[0-9a-f]{64}$/.test(value),
  createTime: isTime,
  expireTime: (value) => value === undefined || isTime(value),
  methods: isListOrAbsent,
  resourceTypes: isListOrAbsent,
};

/** A key that is not known may be a limit of the token, misspelt. */
function findFault(token: Readonly<Record<string, unknown>>): string | undefined {
  const unknown = Object.keys(token).find((key) => !Object.hasOwn(CHECKS, key));
  if (unknown !== undefined) return `${unknown} is not known`;
  const wrong = Object.entries(CHECKS).find(([key, isValid]) => !isValid(token[key]));
  return wrong && `${wrong[0]} is not as it must be`;
}

function isTime(value: unknown): boolean {
  return typeof value === "string" && !Number.isNaN(Date.parse(value));
}

function isListOrAbsent(value: unknown): boolean {
  return (
    value === undefined || (Array.isArray(value) && value.every((it) => typeof it === "string"))
  );
}

/**
 * Replaces the tokens of a file by what `change` makes of them; a file that is absent has none.
 * @throws StoreError INVALID_CONFIG as `readTokens`, or if another command changes it just now.
 */
export function changeTokens(
  path: string,
  change: (tokens: readonly StoredToken[]) => readonly StoredToken[],
): void {
  const temporary = `${path}.new`;
  try {
    // Until it is renamed or removed, nobody else changes them.
    closeSync(openSync(temporary, "wx", 0o600));
  } catch (cause) {
    const isTaken = (cause as NodeJS.ErrnoException).code === "EEXIST";
    const reason = isTaken
      ? `another command changes it now, or was ended in doing so: then remove ${temporary}`
      : "it cannot be written";
    throw unusable(path, reason, cause);
  }
  try {
    const isThere = statSync(path, { throwIfNoEntry: false }) !== undefined;
    const tokens = change(isThere ? readTokens(path) : []);
    writeFileSync(temporary, `${JSON.stringify({ tokens }, undefined, 2)}\n`);
    flush(temporary);
    renameSync(temporary, path);
    flush(dirname(path));
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

function unusable(path: string, reason: string, cause?: unknown): StoreError {
  return new StoreError("INVALID_CONFIG", `cannot use the tokens in ${path}: ${reason}`, { cause });
}
