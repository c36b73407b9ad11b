// Rows that plain SQL has made unreadable, and what `verify` finds: each is named, none hides the
// others.

import { expect, test } from "vitest";
import { CustomerService } from "../../gen/chinook/v1/customer_pb.ts";
import { EmployeeService } from "../../gen/chinook/v1/employee_pb.ts";
import { GenreService } from "../../gen/chinook/v1/genre_pb.ts";
import { InvoiceService } from "../../gen/chinook/v1/invoice_pb.ts";
import { TrackService } from "../../gen/chinook/v1/track_pb.ts";
import type { Connection } from "../../src/client/client.ts";
import { startTestService } from "../support/service.ts";
import { runCli } from "./cli.ts";
import { createRows, failureOf, openSql } from "./support.ts";

/** The assignment that makes a row unreadable, and the collection of the resource that then is. */
const CASES: Readonly<Record<string, readonly [string, string, collection?: string]>> = {
  "data with an unknown key": ["customers", "data = json_set(data, '$.nonsense', 1)"],
  "data with an unknown key in a nested message": ["customers", `data = '{"loyalty": {"x": 1}}'`],
  "data that is no object": ["customers", "data = '[]'"],
  "data with a value of another type": ["customers", `data = '{"tags": "x"}'`],
  "data with a key twice": ["customers", `data = '{"tags": [], "tags": []}'`],
  "data with a key in two spellings": [
    "tracks",
    `data = '{"credits": [{"displayName": "a", "display_name": "b"}]}'`,
  ],
  "data with both arms of a oneof": [
    "customers",
    `data = '{"contactEmail": "x", "contactPhone": "y"}'`,
  ],
  "data with an enum name that is none": ["tracks", `data = '{"credits": [{"role": "COOK"}]}'`],
  "data with an integer that lost digits": [
    "customers",
    `data = '{"loyalty": {"points": 9007199254740993}}'`,
  ],
  "data with half a character": ["customers", `data = '{"tags": ["\\ud800"]}'`],
  "a time that is none": ["invoices", "InvoiceDate = 'yesterday'"],
  "a day that is not in the calendar": ["invoices", "InvoiceDate = '2023-02-29 00:00:00'"],
  "an hour that is not on the clock": ["invoices", "InvoiceDate = '2023-02-28 24:00:00'"],
  "a date that is none": ["employees", "BirthDate = '31.12.1999'"],
  "a date that is a number": ["employees", "HireDate = 2451545"],
  "a price that is no number": ["tracks", "UnitPrice = 'free'"],
  "a total without end": ["invoices", "Total = 9e999"],
  "a duration that is no integer": ["tracks", "Milliseconds = 0.5"],
  "a size that is text": ["tracks", "Bytes = 'big'"],
  "a title that is a BLOB": ["tracks", "Name = x'00ff'"],
  "a status beyond 32 bits": ["customers", "status = 4294967296"],
  "a creation time that is none": ["employees", "created_at = 'x'"],
  "a quantity beyond 32 bits": ["invoice_items", "Quantity = 10000000000", "invoices"],
  "JSON of a line that is no object": ["invoice_items", "data = '1'", "invoices"],
};

const KEYS: Readonly<Record<string, string>> = {
  customers: "CustomerId",
  employees: "EmployeeId",
  invoices: "InvoiceId",
  invoice_items: "InvoiceId",
  tracks: "TrackId",
};

/** One resource of each kind for each case, from id 10 on; the ones of the case are broken. */
async function startBroken(isBroken: (index: number) => boolean = () => true) {
  const { connection, database } = await startTestService();
  await createRows(connection);
  const sql = openSql(database);
  const names = Object.values(CASES).map(([table, assignment, collection = table], index) => {
    const id = 10 + index;
    sql.exec(`
      INSERT INTO customers (CustomerId, FirstName, LastName, Email) VALUES (${id}, 'a', 'b', 'c');
      INSERT INTO employees (EmployeeId, FirstName, LastName) VALUES (${id}, 'a', 'b');
      INSERT INTO tracks (TrackId, Name, MediaTypeId, Milliseconds, UnitPrice)
        VALUES (${id}, 'a', 1, 1, 1);
      INSERT INTO invoices (InvoiceId, CustomerId, InvoiceDate, Total)
        VALUES (${id}, ${id}, '2020-01-01', 1);
      INSERT INTO invoice_items (InvoiceId, TrackId, UnitPrice, Quantity)
        VALUES (${id}, ${id}, 1, 1);
    `);
    if (isBroken(index)) {
      sql.exec(`UPDATE ${table} SET ${assignment} WHERE ${KEYS[table]} = ${id}`);
    }
    return `${collection}/${id}`;
  });
  return { connection, database, sql, names };
}

function get(connection: Connection, name: string): Promise<{ name: string }> {
  switch (name.split("/")[0]) {
    case "customers":
      return connection.service(CustomerService).getCustomer({ name });
    case "employees":
      return connection.service(EmployeeService).getEmployee({ name });
    case "invoices":
      return connection.service(InvoiceService).getInvoice({ name });
    default:
      return connection.service(TrackService).getTrack({ name });
  }
}

test("each answers DATA_LOSS with its name, all others are readable, verify names them", async () => {
  const { connection, database, names } = await startBroken();
  for (const [index, what] of Object.keys(CASES).entries()) {
    const name = names[index] ?? "";
    const failure = await failureOf(get(connection, name)).catch((error: unknown) => error);
    expect(failure, what).toMatchObject({ code: "DATA_LOSS", reason: "ROW_UNREADABLE" });
    expect(failure, what).toMatchObject({ message: expect.stringContaining(`${name} `) });
    for (const collection of ["customers", "employees", "invoices", "tracks"]) {
      const other = `${collection}/${10 + index}`;
      if (other !== name) expect(await get(connection, other), what).toMatchObject({ name: other });
    }
  }
  const verify = await runCli("verify", "--database", database);
  expect(verify.code).toBe(1);
  const found = verify.stdout.trim().split("\n");
  expect(found.map((line) => line.slice(0, line.indexOf(":"))).sort()).toEqual(names.toSorted());
  expect(verify.stderr).toMatch(
    new RegExp(`^protostore: ${names.length} problems in \\d+ rows\n$`),
  );
});

test("a List names one and goes on, or fails for it if reads are strict", async () => {
  const { connection, database, names } = await startBroken((index) => index === 0);
  const page = await connection.service(CustomerService).listCustomers({});
  expect(page.unreachable).toEqual([names[0]]);
  expect(page.customers.length).toBeGreaterThan(2);
  const strict = await startTestService({ database, strictReads: true });
  const failure = await failureOf(strict.connection.service(CustomerService).listCustomers({}));
  expect(failure).toMatchObject({ code: "DATA_LOSS", reason: "ROW_UNREADABLE" });
  expect(failure.message).toContain(names[0]);
  const tracks = await strict.connection.service(TrackService).listTracks({});
  expect(tracks.tracks.length).toBeGreaterThan(2);
});

test("it can be updated by nobody, repaired by SQL, and deleted through the API", async () => {
  const { connection, database } = await startTestService();
  await createRows(connection);
  const sql = openSql(database);
  const genres = connection.service(GenreService);
  const spoil = () => sql.exec(`UPDATE genres SET data = '{"nonsense": 1}' WHERE GenreId = 1`);
  const name = "genres/1";
  const update = () => genres.updateGenre({ genre: { name, displayName: "x" } });
  spoil();
  expect(await failureOf(update())).toMatchObject({ code: "DATA_LOSS" });
  sql.exec("UPDATE genres SET data = json_remove(data, '$.nonsense') WHERE GenreId = 1");
  expect(await update()).toMatchObject({ displayName: "x" });
  spoil();
  await genres.deleteGenre({ name });
  expect(await failureOf(genres.getGenre({ name }))).toMatchObject({ code: "NOT_FOUND" });
  expect(await runCli("verify", "--database", database)).toMatchObject({ code: 0 });
});

test("verify tells bytes that differ from columns, and references to nothing", async () => {
  const { connection, database } = await startTestService();
  await createRows(connection);
  const sql = openSql(database);
  expect(await runCli("verify", "--database", database)).toEqual({
    code: 0,
    stdout: "7 rows: columns, JSON and bytes agree\n",
    stderr: "",
  });
  // The server's own mark, which no other program has a reason to touch.
  sql.exec(`
    BEGIN;
    UPDATE store_state SET writing = 1;
    UPDATE customers SET City = 'Oslo' WHERE CustomerId = 1;
    UPDATE store_state SET writing = 0;
    COMMIT;
  `);
  sql.pragma("foreign_keys = OFF");
  sql.exec("DELETE FROM genres; UPDATE tracks SET GenreId = 1 WHERE TrackId = 2");
  const verify = await runCli("verify", "--database", database);
  expect(verify.code).toBe(1);
  expect(verify.stdout.trim().split("\n").sort()).toEqual([
    expect.stringMatching(/^customers\/1: its bytes differ/),
    "tracks/2: genre refers to genres/1, which does not exist",
  ]);
  expect(verify.stderr).toBe("protostore: 2 problems in 6 rows\n");
  const { genre } = await connection.service(TrackService).getTrack({ name: "tracks/2" });
  expect(genre).toBe("genres/1");
});
