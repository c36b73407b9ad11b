// Finds out who calls, by whatever of tokens, JSON web tokens and certificates is set up.
// Must not know what the caller wants.

import type { AccessConfig } from "../config.ts";
import type { Log } from "../observe/log.ts";
import { rereadOnChange } from "../observe/reread.ts";
import type { JwtVerifier } from "./jwt.ts";
import type { Principal } from "./principal.ts";
import { unauthenticated } from "./refusals.ts";
import { readTokens } from "./token-file.ts";
import { indexTokens, type TokenIndex } from "./tokens.ts";

/** By what a caller may prove who it is. */
export interface Credentials {
  /** The value of the metadata `authorization`, if there is one. */
  readonly authorization: string | undefined;
  /** The common name of its certificate, if that was asked for and is good. */
  readonly certificateName: string | undefined;
}

/** Finds out who calls. */
export interface Authenticator {
  /** @throws StoreError UNAUTHENTICATED, KEYS_UNAVAILABLE */
  authenticate(credentials: Credentials): Principal | Promise<Principal>;
  /** Looks at its files no longer. */
  close(): void;
}

const BEARER = /^bearer +(\S+) *$/i;

/**
 * An authenticator; it reads its files again when they change.
 * @throws StoreError INVALID_CONFIG if one of them cannot be used.
 */
export async function createAuthenticator(
  { tokens, jwt, clientRoles = {} }: AccessConfig,
  log: Log,
): Promise<Authenticator> {
  const ends: (() => void)[] = [];
  const roles = new Map(Object.entries(clientRoles));
  let index: TokenIndex | undefined;
  let verifyJwt: JwtVerifier | undefined;

  function keepReading(path: string, read: () => void): void {
    read();
    ends.push(rereadOnChange([path], read, "who may call", log));
  }

  if (tokens !== undefined) {
    keepReading(tokens, () => {
      index = indexTokens(readTokens(tokens));
    });
  }
  if (jwt) {
    // Nobody else waits for the library.
    const { createJwtVerifier } = await import("./jwt.ts");
    const read = () => {
      verifyJwt = createJwtVerifier(jwt);
    };
    if (/^https?:/.test(jwt.jwks)) read();
    else keepReading(jwt.jwks, read);
  }

  return {
    authenticate(credentials) {
      const { authorization } = credentials;
      if (authorization !== undefined) {
        const token = BEARER.exec(authorization)?.[1] ?? "";
        const nowMs = Date.now();
        const known = index?.find(token, nowMs) ?? verifyJwt?.(token, nowMs);
        if (known) return known;
        throw unauthenticated("the credentials are not of a kind that this server takes");
      }
      const name = roles.size > 0 ? credentials.certificateName : undefined;
      const role = name === undefined ? undefined : roles.get(name);
      if (role) return { name: `cert:${name}`, role };
      throw unauthenticated("the call has no credentials");
    },
    close() {
      for (const end of ends) end();
    },
  };
}
