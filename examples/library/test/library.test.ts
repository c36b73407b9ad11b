// The library as its clients see it, over a database in a temporary folder.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, test } from "node:test";
import { type RunningService, serve } from "protostore";
import { type Connection, connect, RpcError } from "protostore/client";
import { openSuite } from "protostore/conformance";
import { AuthorService } from "../gen/library/v1/author_pb.ts";
import { BookService } from "../gen/library/v1/book_pb.ts";
import { LIBRARY } from "../src/definition.ts";

const folder = mkdtempSync(join(tmpdir(), "library-"));
const database = join(folder, "library.db");
let service: RunningService;
let connection: Connection;

before(async () => {
  service = await serve(LIBRARY, { database, address: "127.0.0.1:0" });
  connection = connect(`127.0.0.1:${service.port}`);
});

after(async () => {
  connection.close();
  await service.stop();
  rmSync(folder, { recursive: true });
});

test("books are created, found and lent", async () => {
  const author = await connection
    .service(AuthorService)
    .createAuthor({ author: { displayName: "Ursula K. Le Guin" } });
  const books = connection.service(BookService);
  const book = await books.createBook({
    book: { title: "The Dispossessed", author: author.name, subjects: ["utopia"] },
  });
  const found = await books.listBooks({ filter: 'subjects:"utopia" AND borrower = ""' });
  assert.deepEqual(found.books, [book]);
  const lent = await books.lendBook({ name: book.name, borrower: "Shevek" });
  assert.equal(lent.borrower, "Shevek");
  assert.deepEqual(lent.subjects, ["utopia"]);
  assert.notEqual(lent.etag, book.etag);
});

test("errors are typed, and belong to the library", async () => {
  const call = connection.service(BookService).lendBook({ name: "books/999" });
  await assert.rejects(call, (error: RpcError) => {
    assert.ok(error instanceof RpcError);
    const [info] = error.status?.details ?? [];
    assert.match(
      new TextDecoder().decode(info?.value),
      /RESOURCE_NOT_FOUND.*library\.example\.com/s,
    );
    return true;
  });
});

test("it keeps the laws of the AIPs", async () => {
  const suite = await openSuite(`127.0.0.1:${service.port}`, { seed: 1 });
  try {
    assert.ok(suite.cases.length > 0);
    for (const { resource, law, run } of suite.cases) {
      const { outcome, reason } = await run();
      assert.notEqual(outcome, "failed", `${resource.desc.name}, ${law.name}: ${reason}`);
    }
  } finally {
    suite.close();
  }
});

test("the database has the tables of the library and of the store, and no others", () => {
  const sql = new DatabaseSync(database, { readOnly: true });
  const rows = sql
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
    .all();
  sql.close();
  const own = rows
    .map(({ name }) => String(name))
    .filter((name) => !/^(?:store_|stored_|schema_|id_high_water|completed_requests)/.test(name));
  assert.deepEqual(own.sort(), ["authors", "books"]);
});
