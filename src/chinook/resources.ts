// THE list of resources: one line for each. Everything else, from the plans to the tests of laws, runs
// over this list. Threads import it, so it must not import handlers.

import { AlbumSchema, AlbumService } from "../../gen/chinook/v1/album_pb.ts";
import { ArtistSchema, ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import { CustomerSchema, CustomerService } from "../../gen/chinook/v1/customer_pb.ts";
import { EmployeeSchema, EmployeeService } from "../../gen/chinook/v1/employee_pb.ts";
import { GenreSchema, GenreService } from "../../gen/chinook/v1/genre_pb.ts";
import { InvoiceSchema, InvoiceService } from "../../gen/chinook/v1/invoice_pb.ts";
import { MediaTypeSchema, MediaTypeService } from "../../gen/chinook/v1/media_type_pb.ts";
import { PlaylistSchema, PlaylistService } from "../../gen/chinook/v1/playlist_pb.ts";
import { TrackSchema, TrackService } from "../../gen/chinook/v1/track_pb.ts";
import { defineResources, type Resources } from "../definition.ts";
import type { ResourceService } from "../handlers/services.ts";
import { deriveInvoiceTotal } from "./invoice-total.ts";
import { searchTriggers } from "./search/search-triggers.ts";

/** Every resource with its service, in an order in which references point backwards. */
export const RESOURCES: readonly ResourceService[] = [
  { resource: GenreSchema, service: GenreService },
  { resource: MediaTypeSchema, service: MediaTypeService },
  { resource: ArtistSchema, service: ArtistService, triggers: searchTriggers("artists") },
  { resource: AlbumSchema, service: AlbumService, triggers: searchTriggers("albums") },
  {
    resource: TrackSchema,
    service: TrackService,
    triggers: searchTriggers("tracks"),
    links: [{ table: "playlist_track", column: "TrackId", deletes: "forced" }],
  },
  { resource: EmployeeSchema, service: EmployeeService },
  { resource: CustomerSchema, service: CustomerService },
  { resource: InvoiceSchema, service: InvoiceService, derive: deriveInvoiceTotal },
  {
    resource: PlaylistSchema,
    service: PlaylistService,
    links: [{ table: "playlist_track", column: "PlaylistId", deletes: "always" }],
  },
];

/** The same for `serve`, and for threads, which make their own plans. */
export const CHINOOK_RESOURCES: Resources = defineResources(import.meta.url, RESOURCES);
