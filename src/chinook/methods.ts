// The methods that are written by hand: those of services without a resource, and those of others
// that are not standard.

import { PlaylistService } from "../../gen/chinook/v1/playlist_pb.ts";
import { SalesService } from "../../gen/chinook/v1/sales_service_pb.ts";
import { TrackService } from "../../gen/chinook/v1/track_pb.ts";
import { implement, type OwnMethods } from "../handlers/services.ts";
import { playlistMethods } from "./playlists/playlist-service.ts";
import { salesMethods } from "./sales/sales-service.ts";
import { trackMethods } from "./search/track-service.ts";

export const METHODS: readonly OwnMethods[] = [
  implement(TrackService, trackMethods),
  implement(PlaylistService, playlistMethods),
  implement(SalesService, salesMethods),
];
