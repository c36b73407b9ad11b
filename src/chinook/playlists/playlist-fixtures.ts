// The sample rows of playlist_track, which are no resources.
// Makes operations; who commits them is ../../fixtures.ts.

import { fromJson } from "@bufbuild/protobuf";
import { AddPlaylistTracksRequestSchema } from "../../../gen/chinook/v1/playlist_pb.ts";
import type { Operation } from "../../database/database.ts";
import { readArray } from "../../fixtures.ts";
import type { ResourcePlan } from "../../schema/plan.ts";
import { parseName } from "../../schema/resource-name.ts";

/** The operations that put the tracks of `playlist_tracks.json` on their playlists. */
export function playlistTrackOperations(
  plans: readonly ResourcePlan[],
  directory: string,
): Operation[] {
  const typeOf = (collection: string) =>
    plans.find(({ resource }) => resource.collection === collection)?.resource;
  const [playlists, tracks] = [typeOf("playlists"), typeOf("tracks")];
  if (!playlists || !tracks) return [];
  return readArray(directory, "playlist_tracks.json").flatMap((json, index) => {
    const path = `playlist_tracks.json[${index}]`;
    const request = fromJson(AddPlaylistTracksRequestSchema, json);
    const playlist = parseName(playlists, request.playlist, `${path}.playlist`);
    return request.tracks.map((name): Operation => {
      const parameters = [playlist, parseName(tracks, name, `${path}.tracks`)];
      const sql = "INSERT INTO playlist_track (PlaylistId, TrackId) VALUES (?, ?)";
      return { kind: "execute", statement: { sql, parameters } };
    });
  });
}
