// What a client that does not read makes the server hold: a few pages, whatever the export has.
// Counted in pages that were read from the database, over a raw HTTP/2 stream.

import http2 from "node:http2";
import { join } from "node:path";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { expect, onTestFinished, test } from "vitest";
import { GenreSchema } from "../../gen/chinook/v1/genre_pb.ts";
import {
  ExportRequestSchema,
  ExportResponseSchema,
  StoreService,
} from "../../gen/protostore/v1/store_service_pb.ts";
import { CHINOOK_RESOURCES } from "../../src/chinook/resources.ts";
import type { Database } from "../../src/database/database.ts";
import { openSqlite } from "../../src/database/sqlite/sqlite-database.ts";
import { assembleServices, createHandlerTools, implement } from "../../src/handlers/services.ts";
import { storeMethods } from "../../src/handlers/store-service.ts";
import { DEFAULT_LIMITS } from "../../src/limits.ts";
import { planResources } from "../../src/schema/plan.ts";
import { registryOf } from "../../src/schema/registry.ts";
import { connect, serve, until } from "../grpc/support.ts";
import { migrateUp } from "../support/migrate.ts";
import { tempDir } from "../support/temp.ts";
import { chinookType, exportPages } from "./store-streams.ts";
import { openSql } from "./support.ts";

const ROWS = 40_000;

/** A server of genres only, which counts the pages that it reads. */
async function serveGenres() {
  const path = join(tempDir(), "genres.db");
  await migrateUp(path, { lockTimeoutMs: 1_000 });
  openSql(path).exec(`
    BEGIN;
    UPDATE store_state SET writing = 1, revision = 1;
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${ROWS})
    INSERT INTO genres (GenreId, Name, revision, wire)
    SELECT i, 'A genre', 1, CAST(x'0a0c' || printf('genres/%05d', i) || x'120741' || ' genre' AS BLOB)
    FROM n;
    UPDATE store_state SET writing = 0;
    COMMIT;
  `);
  const plans = planResources([{ resource: GenreSchema }]);
  const registry = registryOf([GenreSchema]);
  const limits = { ...DEFAULT_LIMITS, exportPageBytes: 16 * 1024 };
  const database = openSqlite({
    path,
    readOnly: true,
    definitions: CHINOOK_RESOURCES.definitions,
    registry,
    limits,
  });
  onTestFinished(() => database.close());
  const seen = { pages: 0 };
  const counting: Database = {
    ...database,
    list(request, call) {
      seen.pages += 1;
      return database.list(request, call);
    },
  };
  const tools = createHandlerTools(counting, plans, registry, limits);
  const services = assembleServices([], [implement(StoreService, storeMethods)], tools);
  const { address } = await serve({ services });
  return { address, seen };
}

/** The messages in the bytes of a stream. */
function unframe(bytes: Buffer): Buffer[] {
  const messages: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 5 + bytes.readUInt32BE(at + 1);
    messages.push(bytes.subarray(at + 5, end));
    at = end;
  }
  return messages;
}

test("a reader that stops holds a few pages; when it goes on, it gets the rest", async () => {
  const { address, seen } = await serveGenres();
  const session = http2.connect(`http://${address}`);
  onTestFinished(() => session.destroy());
  const stream = session.request({
    ":method": "POST",
    ":path": "/protostore.v1.StoreService/Export",
    "content-type": "application/grpc",
    te: "trailers",
  });
  const resourceType = chinookType("Genre");
  const request = toBinary(ExportRequestSchema, create(ExportRequestSchema, { resourceType }));
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(request.length, 1);
  stream.end(Buffer.concat([prefix, request]));
  await until(() => seen.pages > 0);

  // Another client has all of it meanwhile, several times: the server had the time.
  const other = connect(address);
  let total = 0;
  for (let round = 0; round < 3; round++) {
    const before = seen.pages;
    const pages = await exportPages(other, { resourceType });
    total = pages.length;
    expect(seen.pages - before).toBeLessThanOrEqual(total + 8);
  }
  const held = seen.pages - 3 * total;
  expect(total).toBeGreaterThan(50);
  // The window of an HTTP/2 stream is 64 KiB, four pages; one is at the door.
  expect(held).toBeLessThanOrEqual(6);

  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  await new Promise((resolve) => stream.once("end", resolve));
  const pages = unframe(Buffer.concat(chunks)).map((page) =>
    fromBinary(ExportResponseSchema, page),
  );
  expect(pages).toHaveLength(total);
  expect(seen.pages).toBe(4 * total);
  const names = pages.flatMap(({ resources }) =>
    resources.map(({ value }) => fromBinary(GenreSchema, value).name),
  );
  expect(names).toHaveLength(ROWS);
  expect(new Set(names).size).toBe(ROWS);
});
