// What a List keeps to beyond one server's life: tokens outlive it, and costly filters are refused.

import { expect, test } from "vitest";
import { ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import { TrackService } from "../../gen/chinook/v1/track_pb.ts";
import { RpcError } from "../../src/client/client.ts";
import { makeDatabase } from "../support/driver.ts";
import { runService, startTestService } from "../support/service.ts";

const INVALID_ARGUMENT = 3;

test("a page token is good after a restart, and on another server of the same database", async () => {
  const database = await makeDatabase();
  const first = await runService({ database, fixtures: true });
  const page = await first.connection.service(ArtistService).listArtists({ pageSize: 7 });
  const other = await startTestService({ database });
  const request = { pageSize: 7, pageToken: page.nextPageToken };
  const there = await other.connection.service(ArtistService).listArtists(request);
  await first.stop();
  const restarted = await startTestService({ database });
  const afterwards = await restarted.connection.service(ArtistService).listArtists(request);
  expect(there.artists.map(({ name }) => name)[0]).toBe("artists/8");
  expect(afterwards.artists).toEqual(there.artists);
});

test("a token of another database is refused", async () => {
  const [one, two] = [
    await startTestService({ fixtures: true }),
    await startTestService({ fixtures: true }),
  ];
  const { nextPageToken } = await one.connection
    .service(ArtistService)
    .listArtists({ pageSize: 1 });
  const call = two.connection
    .service(ArtistService)
    .listArtists({ pageSize: 1, pageToken: nextPageToken });
  await expect(call).rejects.toThrow("page_token");
});

test("a filter that would scan more rows than are allowed is refused, one with an index is not", async () => {
  const service = await startTestService({ fixtures: true, limits: { scanRowsMax: 100 } });
  const tracks = service.connection.service(TrackService);
  const scan = await tracks.listTracks({ filter: "explicit = true" }).catch((error) => error);
  expect(scan).toBeInstanceOf(RpcError);
  expect(scan).toMatchObject({ code: INVALID_ARGUMENT });
  expect(scan.message).toContain("filter: would look at about 300 rows");
  const { tracks: found } = await tracks.listTracks({ filter: 'album = "albums/1"' });
  expect(found.length).toBeGreaterThan(0);
  expect((await tracks.listTracks({})).tracks).toHaveLength(50);
});
