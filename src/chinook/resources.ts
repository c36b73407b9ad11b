// THE list of what is served: one line per resource, and one per service without a resource.
// Everything else, from the plans to the tests of laws, runs over this list.

import { AlbumSchema, AlbumService } from "../../gen/chinook/v1/album_pb.ts";
import { ArtistSchema, ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import { CustomerSchema, CustomerService } from "../../gen/chinook/v1/customer_pb.ts";
import { EmployeeSchema, EmployeeService } from "../../gen/chinook/v1/employee_pb.ts";
import { GenreSchema, GenreService } from "../../gen/chinook/v1/genre_pb.ts";
import { InvoiceSchema, InvoiceService } from "../../gen/chinook/v1/invoice_pb.ts";
import { MediaTypeSchema, MediaTypeService } from "../../gen/chinook/v1/media_type_pb.ts";
import { PlaylistSchema, PlaylistService } from "../../gen/chinook/v1/playlist_pb.ts";
import { SalesService } from "../../gen/chinook/v1/sales_service_pb.ts";
import { TrackSchema, TrackService } from "../../gen/chinook/v1/track_pb.ts";
import { StoreService } from "../../gen/protostore/v1/store_service_pb.ts";
import type { OwnService, ResourceService } from "../handlers/services.ts";
import { storeMethods } from "../handlers/store-service.ts";
import { deriveInvoiceTotal } from "./invoice-total.ts";
import { playlistMethods } from "./playlists/playlist-service.ts";
import { salesMethods } from "./sales/sales-service.ts";
import { searchTriggers } from "./search/search-triggers.ts";
import { trackMethods } from "./search/track-service.ts";

/** Every resource with its service, in an order in which references point backwards. */
export const RESOURCES: readonly ResourceService[] = [
  { resource: GenreSchema, service: GenreService },
  { resource: MediaTypeSchema, service: MediaTypeService },
  { resource: ArtistSchema, service: ArtistService, triggers: searchTriggers("artists") },
  { resource: AlbumSchema, service: AlbumService, triggers: searchTriggers("albums") },
  {
    resource: TrackSchema,
    service: TrackService,
    own: trackMethods,
    triggers: searchTriggers("tracks"),
    links: [{ table: "playlist_track", column: "TrackId", deletes: "forced" }],
  },
  { resource: EmployeeSchema, service: EmployeeService },
  { resource: CustomerSchema, service: CustomerService },
  { resource: InvoiceSchema, service: InvoiceService, derive: deriveInvoiceTotal },
  {
    resource: PlaylistSchema,
    service: PlaylistService,
    own: playlistMethods,
    links: [{ table: "playlist_track", column: "PlaylistId", deletes: "always" }],
  },
];

/** Where this list is, for threads that make their own plans. */
export const DEFINITIONS: string = import.meta.url;

/** The services that have no resource of their own. */
export const SERVICES: readonly OwnService[] = [
  { service: SalesService, own: salesMethods },
  { service: StoreService, own: storeMethods },
];
