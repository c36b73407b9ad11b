// What all who abuse a server have in common: what a row of the table is, the hosts that they pretend to be,
// and the calls that they make.

import { create, toBinary } from "@bufbuild/protobuf";
import {
  CreateArtistRequestSchema,
  GetArtistRequestSchema,
  ListArtistsRequestSchema,
} from "../gen/chinook/v1/artist_pb.ts";
import { ExportRequestSchema } from "../gen/protostore/v1/store_service_pb.ts";
import { frameMessage, type RawCall } from "./overload.ts";

/** The server that is abused. */
export interface Target {
  readonly port: number;
  readonly minutes: number;
  /** The size of its log in MiB now. */
  logMb(): number;
  /** How many descriptors it has open. */
  descriptors(): number;
}

/** One way to abuse it. */
export interface AbuseRow {
  /** The row of the fault matrix, or what it is beside it. */
  readonly row: string;
  readonly done: string;
  readonly asked: string;
  /** Does it; the result is what was seen. */
  run(target: Target): Promise<string>;
}

/** The abusers are other hosts than the honest client. */
export const HOSTS = ["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"];
export const [HOST = ""] = HOSTS;

export const GET = "/chinook.v1.ArtistService/GetArtist";
export const LIST = "/chinook.v1.ArtistService/ListArtists";
export const CREATE = "/chinook.v1.ArtistService/CreateArtist";
export const EXPORT = "/protostore.v1.StoreService/Export";
export const IMPORT = "/protostore.v1.StoreService/Import";

export const get: RawCall = {
  path: GET,
  message: toBinary(GetArtistRequestSchema, create(GetArtistRequestSchema, { name: "artists/1" })),
};
export const scan: RawCall = {
  path: LIST,
  message: toBinary(
    ListArtistsRequestSchema,
    create(ListArtistsRequestSchema, { filter: 'biography = "*nothing*"', pageSize: 10 }),
  ),
};
export const creation: RawCall = {
  path: CREATE,
  message: toBinary(
    CreateArtistRequestSchema,
    create(CreateArtistRequestSchema, {
      artist: { displayName: "An artist of abuse", biography: "x".repeat(2_000) },
    }),
  ),
};
export const largePage = frameMessage(
  toBinary(ListArtistsRequestSchema, create(ListArtistsRequestSchema, { pageSize: 1_000 })),
);
export const exported = frameMessage(
  toBinary(
    ExportRequestSchema,
    create(ExportRequestSchema, { resourceType: "chinook.example.com/Artist" }),
  ),
);
