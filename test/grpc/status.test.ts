// Every error code has its status and its details, and no error outgrows the headers it travels in.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { status } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { type ErrorCode, type ErrorDetails, StoreError } from "../../src/errors.ts";
import { STATUS_BYTES_MAX } from "../../src/grpc/error-details.ts";
import { STATUS_BY_CODE, toCallStatus } from "../../src/grpc/error-status.ts";
import { REPO_ROOT } from "../support/tools.ts";
import { statusOf } from "./support.ts";

const DOMAIN = "test.example.com";

const codes = Object.keys(STATUS_BY_CODE) as ErrorCode[];

const full: ErrorDetails = {
  fields: [{ field: "track.title", description: "must not be empty" }],
  preconditions: [{ type: "FOREIGN_KEY", subject: "albums/7", description: "has tracks" }],
  resource: { type: "chinook.example.com/Track", name: "tracks/7" },
  retryDelayMs: 1_500,
  metadata: { current: '"17"' },
  cause: new Error("secret"),
};

describe.each(codes)("%s", (code) => {
  test("decodes to the same code and message, with every detail once", () => {
    const sent = toCallStatus(new StoreError(code, "what is wrong", full), DOMAIN, "id-1");
    const { status: decoded, ...details } = statusOf(sent);
    expect(sent.code).toBe(STATUS_BY_CODE[code]);
    expect(decoded.code).toBe(sent.code);
    expect(decoded.message).toBe(sent.message);
    expect(details.errorInfo).toMatchObject({ reason: code, domain: DOMAIN });
    expect(code.length).toBeLessThanOrEqual(63);
    expect(Buffer.from(sent.details).toString("latin1")).not.toContain("secret");
    if (sent.code === status.INTERNAL) {
      expect(sent.message).toBe("internal error");
      expect(details.errorInfo?.metadata).toEqual({ error_id: "id-1" });
      expect(decoded.details).toHaveLength(1);
    } else {
      expect(sent.message).toBe("what is wrong");
      expect(details.errorInfo?.metadata).toEqual(full.metadata);
      expect(details.badRequest?.fieldViolations).toMatchObject(full.fields ?? []);
      expect(details.preconditionFailure?.violations).toMatchObject(full.preconditions ?? []);
      expect(details.resourceInfo).toMatchObject({
        resourceType: full.resource?.type,
        resourceName: full.resource?.name,
      });
      expect(details.retryInfo?.retryDelay).toEqual(durationFromMs(1_500));
      expect(decoded.details).toHaveLength(5);
    }
  });

  test("has ErrorInfo alone if there is nothing else to say", () => {
    const { status: decoded, errorInfo } = statusOf(
      toCallStatus(new StoreError(code, "why"), DOMAIN),
    );
    expect(decoded.details).toHaveLength(1);
    expect(errorInfo?.reason).toBe(code);
  });
});

test("docs/errors.md has each code with its status", () => {
  const page = readFileSync(join(REPO_ROOT, "docs", "errors.md"), "utf8");
  const rows = [...page.matchAll(/^\| `(\w+)` \| `(\w+)` \|/gm)].map(([, code, name]) => [
    code,
    name,
  ]);
  const clients = codes.filter(
    (code) => code === "INTERNAL" || STATUS_BY_CODE[code] !== status.INTERNAL,
  );
  expect(rows.sort()).toEqual(clients.map((code) => [code, status[STATUS_BY_CODE[code]]]).sort());
});

describe("an error that is too large", () => {
  const long = "ü€😀".repeat(2_000);
  const huge: ErrorDetails = {
    fields: Array.from({ length: 500 }, (_, i) => ({ field: `f${i}`, description: long })),
    preconditions: Array.from({ length: 500 }, () => ({
      type: long,
      subject: long,
      description: long,
    })),
    resource: { type: long, name: long },
    metadata: Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`key${i}`, long])),
    retryDelayMs: 1,
  };

  test.each([
    ["every list", huge],
    [
      "many small fields",
      { fields: huge.fields?.map(({ field }) => ({ field, description: "" })) },
    ],
    ["its metadata", { metadata: huge.metadata }],
  ] as [string, ErrorDetails][])("is cut to fit: %s", (_, details) => {
    const sent = toCallStatus(new StoreError("INVALID_FIELD", long, details), DOMAIN);
    const base64 = Buffer.from(sent.details).toString("base64");
    const headers = encodeURI(sent.message).length + base64.length;
    expect(headers).toBeLessThanOrEqual(STATUS_BYTES_MAX);
    const { status: decoded, errorInfo, badRequest } = statusOf(sent);
    expect(decoded.message).toBe(sent.message);
    expect(long.startsWith(sent.message)).toBe(true);
    expect(errorInfo?.reason).toBe("INVALID_FIELD");
    if (details !== huge && details.fields) {
      expect(badRequest?.fieldViolations.length).toBeGreaterThan(50);
    }
  });

  test("with few entries loses none", () => {
    const fields = huge.fields?.slice(0, 3).map(({ field }) => ({ field, description: "x" })) ?? [];
    const { badRequest } = statusOf(
      toCallStatus(new StoreError("INVALID_FIELD", "x", { fields }), DOMAIN),
    );
    expect(badRequest?.fieldViolations).toHaveLength(3);
  });
});

test("a message that is not well-formed Unicode is sent all the same", () => {
  // grpc-js would throw where nobody can catch it.
  const sent = toCallStatus(new StoreError("INVALID_FIELD", "\ud800 is half a character"), DOMAIN);
  expect(sent.message).toBe("\ufffd is half a character");
  expect(statusOf(sent).status.message).toBe(sent.message);
});
