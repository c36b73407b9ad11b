// The methods of chinook.v1.PlaylistService that are not standard: the tracks on a playlist.
// Takes requests apart and checks them; the SQL is in playlist-repository.ts.

import { create } from "@bufbuild/protobuf";
import {
  AddPlaylistTracksResponseSchema,
  ListPlaylistTracksRequestSchema,
  ListPlaylistTracksResponseSchema,
  PlaylistSchema,
  type PlaylistService,
  RemovePlaylistTracksResponseSchema,
} from "../../../gen/chinook/v1/playlist_pb.ts";
import { TrackSchema } from "../../../gen/chinook/v1/track_pb.ts";
import { invalidField } from "../../errors.ts";
import type { Implementations } from "../../handlers/handler.ts";
import { answerPage, pagingMessages } from "../../handlers/paging.ts";
import type { HandlerTools } from "../../handlers/services.ts";
import { parseName } from "../../schema/resource-name.ts";
import { createPlaylistRepository } from "./playlist-repository.ts";

type OwnMethod = "addPlaylistTracks" | "removePlaylistTracks" | "listPlaylistTracks";

/** The methods over the repository of playlist tracks. */
export function playlistMethods(
  tools: HandlerTools,
): Pick<Implementations<(typeof PlaylistService)["method"]>, OwnMethod> {
  const { database, limits, faults, pageTokens } = tools;
  const playlist = tools.repositoryOf(PlaylistSchema).plan;
  const track = tools.repositoryOf(TrackSchema).plan;
  const repository = createPlaylistRepository(database, { playlist, track }, limits);
  const messages = pagingMessages(
    ListPlaylistTracksRequestSchema,
    ListPlaylistTracksResponseSchema,
    TrackSchema,
  );
  if (!messages) throw new TypeError("ListPlaylistTracks is not paged");

  const playlistKey = (name: string) => parseName(playlist.resource, name, "playlist");

  function trackKeys(names: readonly string[]): bigint[] {
    if (names.length === 0) throw invalidField("tracks", "is required");
    if (names.length > limits.batchSizeMax) {
      throw invalidField("tracks", `must have at most ${limits.batchSizeMax} names`);
    }
    if (new Set(names).size !== names.length) {
      throw invalidField("tracks", "must have each name once");
    }
    return names.map((name, index) => parseName(track.resource, name, `tracks[${index}]`));
  }

  return {
    async addPlaylistTracks(request, context) {
      const key = playlistKey(request.playlist);
      const { revision } = await repository.addTracks(key, trackKeys(request.tracks), context);
      context.setRevision(revision);
      return create(AddPlaylistTracksResponseSchema);
    },

    async removePlaylistTracks(request, context) {
      const key = playlistKey(request.playlist);
      const { revision } = await repository.removeTracks(key, trackKeys(request.tracks), context);
      context.setRevision(revision);
      return create(RemovePlaylistTracksResponseSchema);
    },

    async listPlaylistTracks(request, context) {
      const key = parseName(playlist.resource, request.parent, "parent");
      const paging = { messages, limits, faults, pageTokens };
      const { bytes, revision } = await answerPage(request, paging, ({ after, pageSize }) =>
        repository.listTracks(key, after, pageSize, context),
      );
      context.setRevision(revision);
      return bytes;
    },
  };
}
