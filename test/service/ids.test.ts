// An id that a row has had is never given to another, whoever deleted the row.

import { describe, expect, test } from "vitest";
import { ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import { InvoiceService } from "../../gen/chinook/v1/invoice_pb.ts";
import { openOther } from "../support/driver.ts";
import { startTestService } from "../support/service.ts";
import { getInvoice, startStore } from "./store.ts";
import { usd } from "./support.ts";

describe("an id is never given again", () => {
  async function startArtists() {
    const { connection, database } = await startTestService();
    const artists = connection.service(ArtistService);
    const createArtist = async () =>
      (await artists.createArtist({ artist: { displayName: "x" } })).name;
    for (let id = 1; id <= 3; id++) expect(await createArtist()).toBe(`artists/${id}`);
    return { artists, createArtist, sql: await openOther(database), database };
  }

  test("after a delete through the API", async () => {
    const { artists, createArtist } = await startArtists();
    await artists.deleteArtist({ name: "artists/3" });
    expect(await createArtist()).toBe("artists/4");
    for (const id of [1, 2, 4]) await artists.deleteArtist({ name: `artists/${id}` });
    expect(await createArtist()).toBe("artists/5");
  });

  test("after a delete by plain SQL", async () => {
    const { createArtist, sql } = await startArtists();
    await sql.exec("DELETE FROM artists WHERE ArtistId = 3");
    expect(await createArtist()).toBe("artists/4");
    await sql.exec("DELETE FROM artists");
    expect(await createArtist()).toBe("artists/5");
  });

  test("after a delete of many in one statement, the largest first", async () => {
    const { createArtist, sql } = await startArtists();
    await sql.exec("INSERT INTO artists (ArtistId, Name) VALUES (100, 'x'), (50, 'y')");
    await sql.exec("DELETE FROM artists WHERE ArtistId IN (100)");
    await sql.exec("DELETE FROM artists WHERE ArtistId IN (50, 3)");
    expect(await createArtist()).toBe("artists/101");
  });

  test("after a row has got another id", async () => {
    const { createArtist, sql } = await startArtists();
    await sql.exec("DELETE FROM artists WHERE ArtistId = 1");
    await sql.exec("UPDATE artists SET ArtistId = 1 WHERE ArtistId = 3");
    expect(await createArtist()).toBe("artists/4");
  });

  test("after a restart", async () => {
    const { artists, createArtist, database } = await startArtists();
    await artists.deleteArtist({ name: "artists/3" });
    const again = await startTestService({ database });
    const artist = { displayName: "y" };
    const created = await again.connection.service(ArtistService).createArtist({ artist });
    expect(created.name).toBe("artists/4");
    expect(await createArtist()).toBe("artists/5");
  });

  test("of a line of an invoice either", async () => {
    const store = await startStore();
    await store.sql.exec("DELETE FROM invoice_items WHERE InvoiceLineId = 2");
    const [line] = (await getInvoice(store)).lines;
    const added = { track: "tracks/2", unitPrice: usd("1.99"), quantity: 1 };
    const invoice = { name: "invoices/1", lines: line ? [line, added] : [] };
    const updated = await store.connection.service(InvoiceService).updateInvoice({ invoice });
    expect(updated.lines.map(({ lineId }) => lineId)).toEqual([1n, 3n]);
  });
});
