// Loads the project's own Chinook rows, ProtoJSON files in fixtures/, into a database without rows.
// Goes through the same commits as any client's, but with the ids that the files give.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fromJson, type JsonValue, type Registry, toBinary } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { AddPlaylistTracksRequestSchema } from "../../gen/chinook/v1/playlist_pb.ts";
import type { Database, Operation } from "../database/database.ts";
import type { ResourcePlan } from "../schema/plan.ts";
import { parseName } from "../schema/resource-name.ts";

/**
 * Commits every row of `directory`, all or none; the number of messages.
 * @throws StoreError INVALID_FIELD, naming file and element, for a row that is not as it must be.
 */
export async function loadFixtures(
  database: Database,
  plans: readonly ResourcePlan[],
  registry: Registry,
  directory: string,
): Promise<number> {
  const operations = plans.flatMap((plan) => createOperations(plan, registry, directory));
  const tracks = playlistTrackOperations(plans, directory);
  await database.commit([...operations, ...tracks]);
  return operations.length;
}

function createOperations(plan: ResourcePlan, registry: Registry, directory: string): Operation[] {
  const file = `${plan.table}.json`;
  return readArray(directory, file).map((json, index) => {
    const path = `${file}[${index}]`;
    const message = fromJson(plan.desc, json, { registry });
    const name = reflect(plan.desc, message).get(plan.standard.name) as string;
    const key = parseName(plan.resource, name, `${path}.name`);
    return { kind: "create", plan, message: toBinary(plan.desc, message), key, path };
  });
}

function playlistTrackOperations(plans: readonly ResourcePlan[], directory: string): Operation[] {
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

function readArray(directory: string, file: string): JsonValue[] {
  const path = join(directory, file);
  return existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as JsonValue[]) : [];
}
