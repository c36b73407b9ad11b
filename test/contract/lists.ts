// A List has the messages that meet its condition, each once, in its order, whatever the size of its
// pages; and how it would be run is told in words of the API.

import { afterAll, beforeAll, expect, test } from "vitest";
import { ArtistSchema } from "../../gen/chinook/v1/artist_pb.ts";
import { CustomerSchema } from "../../gen/chinook/v1/customer_pb.ts";
import { InvoiceSchema } from "../../gen/chinook/v1/invoice_pb.ts";
import type { Database } from "../../src/database/database.ts";
import { checkList } from "../../src/repositories/list.ts";
import {
  creating,
  deleting,
  keyOf,
  listing,
  listingAll,
  type MakeStore,
  type OpenOptions,
  PLANS,
  planOf,
  sale,
  type WhenOver,
} from "./support.ts";

/** Some have no region, some the same, and their names are in no order of their keys. */
const REGIONS = ["BR", "", "US", "BR", "", "DE", "US"];
const NAMES = ["g", "B", "a", "ä", "z", "Z", ""].map((name) => `x${name}`);
const SOME = REGIONS.map((regionCode, index) =>
  creating(ArtistSchema, { displayName: NAMES[index] ?? "", regionCode }, BigInt(index + 1)),
);

const keysOf = (messages: readonly { readonly name: string }[]) => messages.map(keyOf).map(Number);

export function describeLists(makeStore: MakeStore): void {
  async function opened(options: OpenOptions = {}, whenOver?: WhenOver): Promise<Database> {
    const database = (await makeStore(whenOver)).open(options);
    await database.commit(SOME);
    return database;
  }

  /** For the tests that write nothing. */
  let database: Database;
  const afterwards: (() => void | Promise<void>)[] = [];

  beforeAll(async () => {
    database = await opened({}, (action) => {
      afterwards.unshift(action);
    });
  });

  afterAll(async () => {
    for (const action of afterwards) await action();
  });

  test("without condition and order it has everything by key, as it is stored", async () => {
    const database = (await makeStore()).open();
    const { messages: stored, revision } = await database.commit(SOME);
    const page = await listing(database, ArtistSchema);
    expect(keysOf(page.messages)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(page).toMatchObject({
      count: 7,
      next: undefined,
      totalSize: undefined,
      unreachable: [],
    });
    expect(page.revision).toBe(revision);
    for (const message of stored) {
      expect(Buffer.from(page.bytes).includes(Buffer.from(message ?? []))).toBe(true);
    }
  });

  test.each([
    ['region_code = "BR"', [1, 4]],
    ['region_code = ""', [2, 5]],
    ['region_code != "BR"', [2, 3, 5, 6, 7]],
    ['NOT region_code = "BR"', [2, 3, 5, 6, 7]],
    ['region_code = "BR" OR region_code = "DE"', [1, 4, 6]],
    ['region_code = "BR" AND display_name = "xg"', [1]],
    ['display_name = "x*"', [1, 2, 3, 4, 5, 6, 7]],
    ['display_name = "*z"', [5]],
    ['display_name > "xa"', [1, 4, 5]],
    ['name = "artists/3"', [3]],
    ["region_code:*", [1, 3, 4, 6, 7]],
    ["Z", [5, 6]],
  ])("the condition %s chooses %j", async (filter, keys) => {
    expect(keysOf((await listing(database, ArtistSchema, { filter })).messages)).toEqual(keys);
    const paged = await listingAll(database, ArtistSchema, { filter, pageSize: 1 });
    expect(keysOf(paged.messages)).toEqual(keys);
    const counted = { filter, pageSize: 1, includeTotalSize: true };
    expect((await listing(database, ArtistSchema, counted)).totalSize).toBe(keys.length);
  });

  test.each([
    ["", [1, 2, 3, 4, 5, 6, 7]],
    ["display_name", [7, 2, 6, 3, 1, 5, 4]],
    ["display_name desc", [4, 5, 1, 3, 6, 2, 7]],
    ["region_code", [2, 5, 1, 4, 6, 3, 7]],
    ["region_code desc", [7, 3, 6, 4, 1, 5, 2]],
    ["region_code, display_name desc", [5, 2, 4, 1, 6, 3, 7]],
    ["name desc", [7, 6, 5, 4, 3, 2, 1]],
  ])("the order %s is %j on pages of any size", async (orderBy, keys) => {
    for (const pageSize of [1, 2, 3, 6, 7, 8]) {
      const { messages, pages } = await listingAll(database, ArtistSchema, { orderBy, pageSize });
      expect(keysOf(messages), `pages of ${pageSize}`).toEqual(keys);
      expect(pages).toBe(Math.ceil(keys.length / pageSize));
    }
  });

  test("what is not set comes first, and last in a falling order, on pages of any size", async () => {
    const database = (await makeStore()).open();
    const companies = ["b", undefined, "a", "", undefined, "b"];
    await database.commit(
      companies.map((company, index) => {
        const customer = { givenName: "A", familyName: "B", email: `${index}@example.com` };
        return creating(
          CustomerSchema,
          company === undefined ? customer : { ...customer, company },
        );
      }),
    );
    for (const [orderBy, keys] of [
      ["company", [2, 5, 4, 3, 1, 6]],
      ["company desc", [6, 1, 3, 4, 5, 2]],
      ["company, name desc", [5, 2, 4, 3, 6, 1]],
      ["company desc, name", [1, 6, 3, 4, 2, 5]],
      ["family_name, company desc", [6, 1, 3, 4, 5, 2]],
    ] as const) {
      for (const pageSize of [1, 2, 3, 5, 7]) {
        const { messages } = await listingAll(database, CustomerSchema, { orderBy, pageSize });
        expect(keysOf(messages), `${orderBy} on pages of ${pageSize}`).toEqual(keys);
      }
      const { next } = await listing(database, CustomerSchema, { orderBy, pageSize: 2 });
      const rest = { orderBy, after: next, skip: 1 };
      const { messages } = await listing(database, CustomerSchema, rest);
      expect(keysOf(messages), `${orderBy}, skipping`).toEqual(keys.slice(3));
    }
  });

  test("a page passes over what it is to skip, and the next one goes on behind it", async () => {
    const asked = { orderBy: "display_name", pageSize: 2 };
    const { messages, next } = await listing(database, ArtistSchema, { ...asked, skip: 3 });
    expect(keysOf(messages)).toEqual([3, 1]);
    const rest = await listing(database, ArtistSchema, { ...asked, after: next, skip: 1 });
    expect(keysOf(rest.messages)).toEqual([4]);
    expect(rest.next).toBeUndefined();
  });

  test("rows that come and go before a page change nothing behind it", async () => {
    const database = await opened();
    const asked = { orderBy: "display_name", pageSize: 3 };
    const { messages, next } = await listing(database, ArtistSchema, asked);
    expect(keysOf(messages)).toEqual([7, 2, 6]);
    await database.commit([
      deleting(ArtistSchema, 7n),
      deleting(ArtistSchema, 6n),
      creating(ArtistSchema, { displayName: "xA" }),
    ]);
    const { messages: rest } = await listing(database, ArtistSchema, { ...asked, after: next });
    expect(keysOf(rest)).toEqual([3, 1, 5]);
  });

  test("a page ends by its bytes, but has one message at least", async () => {
    const database = (await makeStore()).open();
    const biography = "x".repeat(1_000);
    await database.commit(
      [1n, 2n, 3n].map((key) => creating(ArtistSchema, { displayName: "A", biography }, key)),
    );
    for (const [pageBytes, count] of [
      [1, 1],
      [2_500, 2],
      [10_000, 3],
    ] as const) {
      for (const orderBy of ["", "display_name"]) {
        const page = await listing(database, ArtistSchema, { pageBytes, orderBy });
        expect(page.count, `${pageBytes} bytes`).toBe(count);
        expect(page.next === undefined).toBe(count === 3);
      }
    }
  });

  test("what is too large to be sent is named, and the rest is there", async () => {
    const database = await opened();
    const large = { displayName: "xl", biography: "x".repeat(1_000) };
    await database.commit([
      creating(ArtistSchema, large, 9n),
      creating(ArtistSchema, { displayName: "xm" }, 10n),
    ]);
    const asked = { itemBytesMax: 500, orderBy: "name desc", pageSize: 2 };
    const page = await listing(database, ArtistSchema, asked);
    expect(keysOf(page.messages)).toEqual([10]);
    expect(page.unreachable.map(({ resource }) => resource.name)).toEqual(["artists/9"]);
    const next = await listing(database, ArtistSchema, { ...asked, after: page.next });
    expect(keysOf(next.messages)).toEqual([7, 6]);
  });

  test("a mask leaves nothing but what it selects", async () => {
    const { messages } = await listing(database, ArtistSchema, { mask: ["region_code"] });
    expect(messages.map(({ regionCode }) => regionCode)).toEqual(REGIONS);
    expect(messages.every(({ displayName, name }) => displayName + name === "")).toBe(true);
  });

  test("messages stand in the field and the envelope that are asked for", async () => {
    const database = (await makeStore()).open();
    const { messages } = await database.commit(SOME.slice(0, 1));
    const before = Buffer.from([0x0a, 0x01, 0x78]);
    const envelope = { before, message: 2, after: [] };
    const item = { field: 5, envelope };
    const { pageSize, skip, after, includeTotalSize } = PLAIN;
    const list = checkList(planOf(ArtistSchema), { filter: "", orderBy: "" });
    const page = { pageSize, skip, after, includeTotalSize, pageBytes: 1_000, itemBytesMax: 1_000 };
    const { bytes } = await database.list({ ...list, ...page, item });
    const message = Buffer.from(messages[0] ?? []);
    const framed = Buffer.concat([before, Buffer.from([0x12, message.length]), message]);
    expect(Buffer.from(bytes)).toEqual(Buffer.concat([Buffer.from([0x2a, framed.length]), framed]));
  });

  test("conditions reach into lists, maps, messages and lines", async () => {
    const database = (await makeStore()).open();
    await database.commit([
      creating(ArtistSchema, { displayName: "A", aliases: ["b"], links: { home: "x" } }, 1n),
      creating(ArtistSchema, { displayName: "B", aliases: ["c", "d"] }, 2n),
      ...sale(2),
      creating(
        CustomerSchema,
        {
          givenName: "B",
          familyName: "B",
          email: "b@example.com",
          loyalty: { points: 2n ** 53n + 1n },
        },
        2n,
      ),
    ]);
    const found = async (
      ...[desc, filter]: Parameters<typeof planOf> | [Parameters<typeof planOf>[0], string]
    ) => keysOf((await listing(database, desc, { filter: filter as string })).messages as never);
    expect(await found(ArtistSchema, 'aliases:"d"')).toEqual([2]);
    expect(await found(ArtistSchema, "links:home")).toEqual([1]);
    expect(await found(CustomerSchema, "loyalty.points = 9007199254740993")).toEqual([2]);
    expect(await found(CustomerSchema, "loyalty.points = 9007199254740992")).toEqual([]);
    expect(await found(InvoiceSchema, "lines.quantity:2")).toEqual([1]);
    expect(await found(InvoiceSchema, "lines.quantity:3")).toEqual([]);
    expect(await found(InvoiceSchema, 'customer = "customers/1"')).toEqual([1]);
    expect(await found(InvoiceSchema, "total = 2.97")).toEqual([1]);
  });

  const selecting = (filter: string, orderBy = "") =>
    checkList(planOf(ArtistSchema), { filter, orderBy });

  test("explain tells a search from a scan, and a sort from an index", async () => {
    const type = planOf(ArtistSchema).resource.type;
    const search = await database.explain(selecting('region_code = "BR"'));
    expect(search.steps).toEqual([{ kind: "search", resourceType: type, fields: ["region_code"] }]);
    expect(search).toMatchObject({ indexed: true, isFiltered: true });
    const scan = await database.explain(selecting('biography = "x"'));
    expect(scan.steps.map(({ kind }) => kind)).toEqual(["scan"]);
    expect(scan).toMatchObject({ indexed: false, isFiltered: true, estimatedRows: 7n });
    const sort = await database.explain(selecting("", "biography"));
    expect(sort.steps.map(({ kind }) => kind)).toContain("sort");
    expect(sort).toMatchObject({ indexed: false, isFiltered: false });
    const plain = await database.explain(selecting(""));
    expect(plain).toMatchObject({ indexed: true, isFiltered: false });
  });

  test("an index serves each field that is declared as indexed", async () => {
    const found: string[] = [];
    for await (const line of database.findUnindexed(PLANS)) found.push(line);
    expect(found).toEqual([]);
    const artists = { ...planOf(ArtistSchema), indexedFields: ["region_code", "biography"] };
    for await (const line of database.findUnindexed([artists])) found.push(line);
    expect(found).toEqual([
      "chinook.v1.Artist.biography: no index serves it in filter and order_by",
    ]);
  });

  test("a filter that would look at more rows than are allowed is refused", async () => {
    const database = await opened({ limits: { scanRowsMax: 3 } });
    const scan = listing(database, ArtistSchema, { filter: 'biography = "x"' });
    const fields = [{ field: "filter" }];
    await expect(scan).rejects.toMatchObject({ code: "INVALID_FIELD", details: { fields } });
    const search = await listing(database, ArtistSchema, { filter: 'name = "artists/2"' });
    expect(keysOf(search.messages)).toEqual([2]);
    expect((await listing(database, ArtistSchema, { orderBy: "biography" })).count).toBe(7);
  });
}

const PLAIN = { pageSize: 10, skip: 0, after: undefined, includeTotalSize: false } as const;
