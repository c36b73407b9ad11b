// Tells who has a token. What is asked of it is answered from memory.
// Must not know where tokens come from but for their file.

import { timingSafeEqual } from "node:crypto";
import type { Principal } from "./principal.ts";
import { unauthenticated } from "./refusals.ts";
import { hashSecret, parseToken, type StoredToken } from "./token-file.ts";

/** Compared with if there is no token of the id, so that an answer takes as long. */
const NOBODY = Buffer.alloc(32);

interface KnownToken {
  readonly hash: Buffer;
  readonly expireMs: number;
  readonly principal: Principal;
}

/** Finds tokens by their text. */
export interface TokenIndex {
  /** Who has the token; undefined if it does not look like one. @throws StoreError UNAUTHENTICATED */
  find(text: string, nowMs: number): Principal | undefined;
}

/** An index of these tokens. */
export function indexTokens(tokens: readonly StoredToken[]): TokenIndex {
  const byId = new Map(tokens.map((token) => [token.id, known(token)]));
  return {
    find(text, nowMs) {
      const parsed = parseToken(text);
      if (!parsed) return undefined;
      const token = byId.get(parsed.id);
      const isRight = timingSafeEqual(hashSecret(parsed.secret), token?.hash ?? NOBODY);
      if (!token || !isRight) throw unauthenticated("the token is not known here");
      if (nowMs >= token.expireMs) throw unauthenticated("the token has expired");
      return token.principal;
    },
  };
}

function known({
  name,
  role,
  sha256,
  expireTime,
  methods,
  resourceTypes,
}: StoredToken): KnownToken {
  return {
    hash: Buffer.from(sha256, "hex"),
    expireMs: expireTime === undefined ? Number.POSITIVE_INFINITY : Date.parse(expireTime),
    principal: { name: `token:${name}`, role, methods, resourceTypes },
  };
}
