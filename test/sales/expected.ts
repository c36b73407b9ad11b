// What SummarizeSales must answer, worked out from the resources themselves: every invoice is read
// through the API, and every line is added up as a message, in bigint.

import { AlbumService } from "../../gen/chinook/v1/album_pb.ts";
import { ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import { CustomerService } from "../../gen/chinook/v1/customer_pb.ts";
import { EmployeeService } from "../../gen/chinook/v1/employee_pb.ts";
import { GenreService } from "../../gen/chinook/v1/genre_pb.ts";
import { type Invoice, InvoiceService } from "../../gen/chinook/v1/invoice_pb.ts";
import {
  SummarizeSalesRequest_GroupBy as GroupBy,
  type SummarizeSalesResponse,
  type SummarizeSalesResponse_Group,
} from "../../gen/chinook/v1/sales_service_pb.ts";
import { TrackService } from "../../gen/chinook/v1/track_pb.ts";
import type { Money } from "../../gen/google/type/money_pb.ts";
import type { Connection } from "../../src/client/client.ts";

/** A group with its revenue in nanos. */
interface PlainGroup {
  readonly key: string;
  readonly displayName: string;
  readonly revenue: bigint;
  readonly quantity: bigint;
  readonly invoiceCount: number;
}

/** An answer of SummarizeSales as plain values. */
export interface PlainSummary {
  readonly groups: readonly PlainGroup[];
  readonly total: PlainGroup;
}

/** Everything that sales are made of. */
export interface Books {
  readonly invoices: readonly Invoice[];
  /** Key and display name of the group that a line of the invoice is in. */
  groupOf(groupBy: GroupBy, invoice: Invoice, track: string): readonly [string, string];
}

const NOTHING = ["", ""] as const;

/** Reads the whole store. */
export async function readBooks(connection: Connection): Promise<Books> {
  const genreClient = connection.service(GenreService);
  const artistClient = connection.service(ArtistService);
  const albumClient = connection.service(AlbumService);
  const trackClient = connection.service(TrackService);
  const employeeClient = connection.service(EmployeeService);
  const customerClient = connection.service(CustomerService);
  const invoiceClient = connection.service(InvoiceService);
  const [genres, artists, albums, tracks, employees, customers, invoices] = await Promise.all([
    listAll(genreClient.listGenres, (page) => page.genres),
    listAll(artistClient.listArtists, (page) => page.artists),
    listAll(albumClient.listAlbums, (page) => page.albums),
    listAll(trackClient.listTracks, (page) => page.tracks),
    listAll(employeeClient.listEmployees, (page) => page.employees),
    listAll(customerClient.listCustomers, (page) => page.customers),
    listAll(invoiceClient.listInvoices, (page) => page.invoices),
  ]);
  return {
    invoices: [...invoices.values()],
    groupOf(groupBy, invoice, trackName) {
      const track = tracks.get(trackName);
      switch (groupBy) {
        case GroupBy.COUNTRY:
          return [invoice.billingCountry ?? "", invoice.billingCountry ?? ""];
        case GroupBy.GENRE: {
          const genre = genres.get(track?.genre ?? "");
          return genre ? [genre.name, genre.displayName] : NOTHING;
        }
        case GroupBy.ARTIST: {
          const artist = artists.get(albums.get(track?.album ?? "")?.artist ?? "");
          return artist ? [artist.name, artist.displayName] : NOTHING;
        }
        case GroupBy.SUPPORT_REP: {
          const rep = employees.get(customers.get(invoice.customer)?.supportRep ?? "");
          return rep ? [rep.name, `${rep.givenName} ${rep.familyName}`] : NOTHING;
        }
        default: {
          const milliseconds = Number(invoice.invoiceTime?.seconds ?? 0n) * 1000;
          const month = new Date(milliseconds).toISOString().slice(0, 7);
          return [month, month];
        }
      }
    },
  };
}

/** All resources by name. */
async function listAll<P extends { readonly nextPageToken: string }, T extends { name: string }>(
  list: (request: { pageSize: number; pageToken: string }) => Promise<P>,
  itemsOf: (page: P) => readonly T[],
): Promise<ReadonlyMap<string, T>> {
  const all = new Map<string, T>();
  let pageToken = "";
  do {
    const page = await list({ pageSize: 1000, pageToken });
    for (const item of itemsOf(page)) all.set(item.name, item);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return all;
}

/** What the sales on the invoices that `isIncluded` lets through add up to. */
export function expectedSummary(
  books: Books,
  groupBy: GroupBy,
  isIncluded: (invoice: Invoice) => boolean = () => true,
): PlainSummary {
  const groups = new Map<string, PlainGroup & { readonly invoices: Set<string> }>();
  const total = { key: "", displayName: "", revenue: 0n, quantity: 0n };
  const invoices = new Set<string>();
  for (const invoice of books.invoices.filter(isIncluded)) {
    for (const { track, unitPrice, quantity } of invoice.lines) {
      const [key, displayName] = books.groupOf(groupBy, invoice, track);
      const revenue = nanosOf(unitPrice) * BigInt(quantity);
      const group = groups.get(key) ?? { revenue: 0n, quantity: 0n, invoices: new Set<string>() };
      groups.set(key, {
        key,
        displayName,
        revenue: group.revenue + revenue,
        quantity: group.quantity + BigInt(quantity),
        invoices: group.invoices.add(invoice.name),
        invoiceCount: group.invoices.size,
      });
      total.revenue += revenue;
      total.quantity += BigInt(quantity);
      invoices.add(invoice.name);
    }
  }
  const byKey = (a: PlainGroup, b: PlainGroup) => (a.key < b.key ? -1 : 1);
  const byRevenue = (a: PlainGroup, b: PlainGroup) =>
    a.revenue === b.revenue ? byKey(a, b) : Number(b.revenue > a.revenue) * 2 - 1;
  return {
    groups: [...groups.values()]
      .map(({ invoices: _, ...group }) => group)
      .sort(groupBy === GroupBy.MONTH ? byKey : byRevenue),
    total: { ...total, invoiceCount: invoices.size },
  };
}

/** An answer in the same form. */
export function plainSummary({ groups, total }: SummarizeSalesResponse): PlainSummary {
  if (!total) throw new TypeError("there is no total");
  return { groups: groups.map(plainGroup), total: plainGroup(total) };
}

function plainGroup(group: SummarizeSalesResponse_Group): PlainGroup {
  const { key, displayName, revenue, quantity, invoiceCount } = group;
  if (revenue?.currencyCode !== "USD") throw new TypeError("revenue is not in USD");
  return { key, displayName, revenue: nanosOf(revenue), quantity, invoiceCount };
}

/** The amount in nanos, whose two parts must have one sign. */
export function nanosOf(money: Money | undefined): bigint {
  const { units, nanos } = money ?? { units: 0n, nanos: 0 };
  if (Number(units) * nanos < 0) throw new TypeError("units and nanos have different signs");
  return units * 1_000_000_000n + BigInt(nanos);
}
