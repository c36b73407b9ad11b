// Tells who has a JSON web token, by the keys of whoever issues them.
// The cryptography is that of the library; here is which tokens are asked for, and what they say.

import { readFileSync } from "node:fs";
import { createLocalJWKSet, createRemoteJWKSet, errors, type JWTPayload, jwtVerify } from "jose";
import type { JwtConfig } from "../config.ts";
import { StoreError } from "../errors.ts";
import { isRole, type Principal, ROLES } from "./principal.ts";
import { unauthenticated } from "./refusals.ts";

/** Those with a key that only the issuer has: with a shared one, this server could issue tokens itself. */
const ALGORITHMS = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
];

/** How far the clocks of issuer and server may be apart, in seconds. */
const CLOCK_TOLERANCE_S = 5;

/** How many tokens are remembered, so that their signatures are not checked for each call. */
const REMEMBERED_MAX = 1_000;

/** How long: a key that the issuer has withdrawn is good for as long. */
const REMEMBERED_MS = 60_000;

/** Tells who has a token. @throws StoreError UNAUTHENTICATED, KEYS_UNAVAILABLE */
export type JwtVerifier = (token: string, nowMs: number) => Promise<Principal> | Principal;

/**
 * A verifier of tokens with the keys of `config`.
 * @throws StoreError INVALID_CONFIG if those are no use.
 */
export function createJwtVerifier({ jwks, issuer, audience, roleClaim }: JwtConfig): JwtVerifier {
  const keys = /^https?:/.test(jwks) ? createRemoteJWKSet(parseUrl(jwks)) : readKeys(jwks);
  const remembered = new Map<string, { principal: Principal; untilMs: number }>();

  async function verify(token: string, nowMs: number): Promise<Principal> {
    const { payload } = await jwtVerify(token, keys, {
      issuer,
      audience,
      algorithms: ALGORITHMS,
      clockTolerance: CLOCK_TOLERANCE_S,
      requiredClaims: ["exp", "sub"],
    }).catch((error: unknown) => {
      throw explain(error);
    });
    const principal = toPrincipal(payload, roleClaim);
    const untilMs = Math.min((payload.exp ?? 0) * 1_000, nowMs + REMEMBERED_MS);
    if (remembered.size >= REMEMBERED_MAX) {
      for (const oldest of remembered.keys()) {
        remembered.delete(oldest);
        break;
      }
    }
    remembered.set(token, { principal, untilMs });
    return principal;
  }

  return (token, nowMs) => {
    const known = remembered.get(token);
    if (known && nowMs < known.untilMs) return known.principal;
    remembered.delete(token);
    return verify(token, nowMs);
  };
}

/** Whoever could change the keys on their way could call as anybody. */
function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (
    url?.protocol === "https:" ||
    url?.hostname === "localhost" ||
    url?.hostname === "127.0.0.1"
  ) {
    return url;
  }
  throw new StoreError(
    "INVALID_CONFIG",
    `cannot use the keys at ${text}: it must begin with https:`,
  );
}

function readKeys(path: string) {
  try {
    return createLocalJWKSet(JSON.parse(readFileSync(path, "utf8")));
  } catch (cause) {
    const reason = `cannot use ${path}: it is not a JSON web key set`;
    throw new StoreError("INVALID_CONFIG", reason, { cause });
  }
}

/** What the library says of a token is for its holder; that keys cannot be had is not about the token. */
function explain(error: unknown): StoreError {
  if (error instanceof errors.JWTExpired) return unauthenticated("the token has expired", error);
  // The library has no class of its own for an answer that is not the keys.
  const isOfToken = error instanceof errors.JOSEError && error.constructor !== errors.JOSEError;
  if (!isOfToken || error instanceof errors.JWKSTimeout) {
    const reason = "the keys of the issuer of tokens cannot be had now";
    return new StoreError("KEYS_UNAVAILABLE", reason, { cause: error });
  }
  return unauthenticated("the token is not one that this server takes", error);
}

/** The claim, by its path such as `realm_access.roles`, is a role or a list with some; the highest counts. */
function toPrincipal(payload: JWTPayload, roleClaim: string): Principal {
  const claim = roleClaim
    .split(".")
    .reduce<unknown>((value, key) => (Object(value) as Record<string, unknown>)[key], payload);
  const claimed = [claim].flat().filter(isRole);
  const role = [...ROLES].reverse().find((each) => claimed.includes(each));
  if (!role) throw unauthenticated("the token gives no role");
  return { name: `jwt:${payload.sub}`, role };
}
