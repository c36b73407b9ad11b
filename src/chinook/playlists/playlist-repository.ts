// The tracks on playlists: rows of playlist_track, which are no resources of their own.
// All SQL that knows playlist_track is in this file.

import { ListPlaylistTracksResponseSchema } from "../../../gen/chinook/v1/playlist_pb.ts";
import { itemBytesMax } from "../../config.ts";
import type { CallLimits, Database, Operation } from "../../database/database.ts";
import type { Page } from "../../database/list-request.ts";
import { rowsOf } from "../../database/sql/rows-of.ts";
import {
  itemColumns,
  LIMIT,
  type Statement,
  selectPresence,
} from "../../database/sql/statements.ts";
import { notFound, StoreError } from "../../errors.ts";
import type { Limits } from "../../limits.ts";
import type { ResourcePlan } from "../../schema/plan.ts";
import { formatName, identify } from "../../schema/resource-name.ts";
import type { SqlValue } from "../../schema/sql-value.ts";

/** The tracks on playlists. Every method fails with StoreError only. */
export interface PlaylistRepository {
  /** Puts tracks on a playlist, all or none. */
  addTracks(playlist: bigint, tracks: readonly bigint[], call?: CallLimits): Promise<Revision>;
  /** Takes tracks off a playlist, all or none. */
  removeTracks(playlist: bigint, tracks: readonly bigint[], call?: CallLimits): Promise<Revision>;
  /** The tracks on a playlist after `after`, by key. */
  listTracks(
    playlist: bigint,
    after: readonly SqlValue[] | undefined,
    pageSize: number,
    call?: CallLimits,
  ): Promise<Page>;
}

interface Revision {
  readonly revision: bigint;
}

/** The repository over the plans of playlists and tracks. */
export function createPlaylistRepository(
  database: Database,
  plans: { readonly playlist: ResourcePlan; readonly track: ResourcePlan },
  limits: Limits,
): PlaylistRepository {
  const nameOf = (plan: ResourcePlan, key: bigint) => formatName(plan.resource, key);

  const requirePlaylist = (playlist: bigint): Operation => ({
    kind: "check",
    plan: plans.playlist,
    key: playlist,
  });

  const addTrack = (playlist: bigint, track: bigint): Operation => ({
    kind: "execute",
    statement: {
      sql: `${INSERT[database.driver]} INTO playlist_track (PlaylistId, TrackId) VALUES (?, ?)`,
      parameters: [playlist, track],
    },
    check: {
      rows: 1,
      foreignKey: notFound(identify(plans.track, track)),
      exists: new StoreError(
        "RESOURCE_EXISTS",
        `${nameOf(plans.track, track)} is on ${nameOf(plans.playlist, playlist)} already`,
        { resource: identify(plans.track, track) },
      ),
    },
  });

  const removeTrack = (playlist: bigint, track: bigint): Operation => ({
    kind: "execute",
    statement: {
      sql: "DELETE FROM playlist_track WHERE PlaylistId = ? AND TrackId = ?",
      parameters: [playlist, track],
    },
    check: {
      rows: 1,
      noRow: new StoreError(
        "RESOURCE_NOT_FOUND",
        `${nameOf(plans.track, track)} is not on ${nameOf(plans.playlist, playlist)}`,
        { resource: identify(plans.track, track) },
      ),
    },
  });

  return {
    addTracks: (playlist, tracks, call) =>
      database.commit(
        [requirePlaylist(playlist), ...tracks.map((track) => addTrack(playlist, track))],
        call,
      ),

    removeTracks: (playlist, tracks, call) =>
      database.commit(
        [requirePlaylist(playlist), ...tracks.map((track) => removeTrack(playlist, track))],
        call,
      ),

    async listTracks(playlist, after, pageSize, call) {
      const page: Statement = {
        sql:
          `SELECT ${itemColumns(plans.track)} FROM playlist_track ` +
          `JOIN ${rowsOf(plans.track)} ON tracks.TrackId = playlist_track.TrackId ` +
          "WHERE PlaylistId = ? AND playlist_track.TrackId > ? " +
          `ORDER BY playlist_track.TrackId ${LIMIT}`,
        parameters: [playlist, after?.[0] ?? BEFORE_ALL, BigInt(pageSize + 1)],
      };
      const { bytes, count, unreachable, last, following, more, revision } = await database.page(
        {
          plan: plans.track,
          statements: [page],
          pageSize,
          pageBytes: limits.pageBytes,
          itemBytesMax: itemBytesMax(limits),
          item: { field: ListPlaylistTracksResponseSchema.field.tracks.number },
          more: [selectPresence(plans.playlist, playlist)],
        },
        call,
      );
      if (more[0]?.length === 0) throw notFound(identify(plans.playlist, playlist));
      return { bytes, count, unreachable, next: following && last, totalSize: undefined, revision };
    },
  };
}

/** What a table of SQLite's may say of conflicts is not for us. */
const INSERT = { sqlite: "INSERT OR ABORT", postgres: "INSERT" } as const;

/** No row has the smallest integer as its key. */
const BEFORE_ALL = -(2n ** 63n);
