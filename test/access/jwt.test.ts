// JSON web tokens: which are taken, by keys in a file and by keys that an issuer publishes.

import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from "jose";
import { expect, onTestFinished, test } from "vitest";
import { TrackService } from "../../gen/chinook/v1/track_pb.ts";
import { rejection, statusOf } from "../grpc/support.ts";
import { startTestService } from "../support/service.ts";
import { tempDir } from "../support/temp.ts";
import { openClient, refusalOf } from "./support.ts";

const { listTracks, createTrack } = TrackService.method;

const ISSUER = "https://issuer.example.com";
const AUDIENCE = "protostore";

interface Told {
  readonly claims?: JWTPayload;
  readonly issuer?: string;
  readonly audience?: string;
  readonly subject?: string;
  readonly expires?: string | number;
  readonly kid?: string;
  readonly alg?: string;
}

/** An issuer: its keys, and how it signs. */
async function makeIssuer(kid = "k1") {
  const { publicKey, privateKey } = await generateKeyPair("ES256");
  const key = { ...(await exportJWK(publicKey)), kid, alg: "ES256", use: "sig" };
  const sign = (told: Told = {}, by: Parameters<SignJWT["sign"]>[0] = privateKey) => {
    const { claims = { role: "reader" }, alg = "ES256" } = told;
    const jwt = new SignJWT(claims)
      .setProtectedHeader({ alg, kid: told.kid ?? kid })
      .setIssuer(told.issuer ?? ISSUER)
      .setAudience(told.audience ?? AUDIENCE);
    if (told.subject !== "") jwt.setSubject(told.subject ?? "alice");
    if (told.expires !== "") jwt.setExpirationTime(told.expires ?? "5m");
    return jwt.sign(by);
  };
  return { key, sign };
}

function jwtAccess(jwks: string, roleClaim = "role") {
  return { access: { jwt: { jwks, issuer: ISSUER, audience: AUDIENCE, roleClaim } } };
}

function keyFile(...keys: readonly object[]): string {
  const file = join(tempDir(), "jwks.json");
  writeFileSync(file, JSON.stringify({ keys }));
  return file;
}

test("only tokens of the issuer, for this audience, in their time and with a role are taken", async () => {
  const { key, sign } = await makeIssuer();
  const other = await makeIssuer();
  const access = jwtAccess(keyFile(key));
  const client = openClient((await startTestService({ access })).address);
  const good = await sign();
  const [header, payload, signature] = good.split(".");
  const unsigned = Buffer.from(JSON.stringify({ alg: "none" })).toString("base64url");
  const asAdmin = Buffer.from(
    JSON.stringify({
      ...JSON.parse(Buffer.from(payload ?? "", "base64url").toString()),
      role: "admin",
    }),
  ).toString("base64url");
  const wrong: Readonly<Record<string, string>> = {
    "of another issuer's key": await other.sign(),
    "of a key that is not published": await other.sign({ kid: "k2" }),
    "of another issuer": await sign({ issuer: "https://other.example.com" }),
    "for another audience": await sign({ audience: "other" }),
    expired: await sign({ expires: Math.floor(Date.now() / 1_000) - 60 }),
    "not valid yet": await sign({ claims: { role: "reader", nbf: Date.now() / 1_000 + 600 } }),
    "without an end": await sign({ expires: "" }),
    "without a subject": await sign({ subject: "" }),
    "without a role": await sign({ claims: {} }),
    "with a role that is none": await sign({ claims: { role: "root" } }),
    "with a role in another claim": await sign({ claims: { roles: ["reader"] } }),
    "signed with what all know": await sign({ alg: "HS256" }, Buffer.from(JSON.stringify(key))),
    "without a signature": `${unsigned}.${payload}.`,
    "with its signature cut off": `${header}.${payload}.`,
    "changed afterwards": `${header}.${asAdmin}.${signature}`,
  };
  for (const [what, token] of Object.entries(wrong)) {
    const refusal = await refusalOf(client, listTracks, `Bearer ${token}`);
    expect(refusal?.code, what).toBe(status.UNAUTHENTICATED);
  }
  // The second time it is remembered.
  for (let time = 0; time < 2; time++) {
    expect(await refusalOf(client, listTracks, `Bearer ${good}`)).toBeUndefined();
    const refusal = await refusalOf(client, createTrack, `Bearer ${good}`);
    expect(refusal && statusOf(refusal).errorInfo?.metadata).toEqual({
      principal: "jwt:alice",
      role: "reader",
      required_role: "writer",
    });
  }
});

test("a token that was taken is not when its time is over", async () => {
  const { key, sign } = await makeIssuer();
  const client = openClient((await startTestService({ access: jwtAccess(keyFile(key)) })).address);
  // The clocks of issuer and server may be five seconds apart.
  const token = await sign({ expires: Math.floor(Date.now() / 1_000) - 2 });
  expect(await refusalOf(client, listTracks, `Bearer ${token}`)).toBeUndefined();
  const isTaken = async () => !(await refusalOf(client, listTracks, `Bearer ${token}`));
  await expect.poll(isTaken, { timeout: 20_000 }).toBe(false);
});

test("the role may be in a list, deep in the claims; the highest counts", async () => {
  const { key, sign } = await makeIssuer();
  const access = jwtAccess(keyFile(key), "realm_access.roles");
  const client = openClient((await startTestService({ access })).address);
  const claims = { realm_access: { roles: ["offline", "writer", "reader"] } };
  const token = `Bearer ${await sign({ claims })}`;
  expect((await refusalOf(client, createTrack, token))?.code).toBe(status.INVALID_ARGUMENT);
  const none = `Bearer ${await sign({ claims: { realm_access: "reader" } })}`;
  expect((await refusalOf(client, listTracks, none))?.code).toBe(status.UNAUTHENTICATED);
});

test("keys that an issuer publishes are fetched, new ones too; while they cannot be had, calls may be tried again", async () => {
  const first = await makeIssuer("k1");
  let answer: () => { code: number; body: string } = () => ({ code: 503, body: "" });
  const server = createServer((_request, response) => {
    const { code, body } = answer();
    response.writeHead(code, { "content-type": "application/json" }).end(body);
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  onTestFinished(() => {
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const access = jwtAccess(`http://127.0.0.1:${port}/jwks`);
  const client = openClient((await startTestService({ access })).address);
  const token = `Bearer ${await first.sign()}`;

  const refusal = await refusalOf(client, listTracks, token);
  expect(refusal?.code).toBe(status.UNAVAILABLE);
  expect(refusal && statusOf(refusal).errorInfo?.reason).toBe("KEYS_UNAVAILABLE");
  answer = () => ({ code: 200, body: JSON.stringify({ keys: [first.key] }) });
  expect(await refusalOf(client, listTracks, token)).toBeUndefined();
});

test("keys that cannot be used, or that come unprotected, are refused at the start", async () => {
  const file = join(tempDir(), "jwks.json");
  writeFileSync(file, "{}");
  for (const jwks of [file, `${file}.absent`, "http://issuer.example.com/jwks"]) {
    const error = await rejection(startTestService({ access: jwtAccess(jwks) }));
    expect(error).toMatchObject({ code: "INVALID_CONFIG" });
  }
});
