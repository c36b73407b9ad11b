// Many clients that read a resource, change it and write it back with its etag, all at once: every
// change stays.

import { expect, onTestFinished, test } from "vitest";
import { ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import { connect, RpcError } from "../../src/client/client.ts";
import { startTestService } from "../support/service.ts";

const CLIENTS = 50;
const ABORTED = 10;

test(`${CLIENTS} clients that read, modify and write one row with its etag lose no update`, async () => {
  const { address, connection } = await startTestService();
  const artists = connection.service(ArtistService);
  const { name } = await artists.createArtist({ artist: { displayName: "Everybody" } });

  let refusals = 0;
  async function change(service: typeof artists, alias: string): Promise<void> {
    for (;;) {
      const artist = await service.getArtist({ name });
      artist.aliases.push(alias);
      try {
        await service.updateArtist({ artist, updateMask: { paths: ["aliases"] } });
        return;
      } catch (error) {
        if (!(error instanceof RpcError) || error.code !== ABORTED) throw error;
        refusals += 1;
      }
    }
  }

  const expected: string[] = [];
  await Promise.all(
    Array.from({ length: CLIENTS }, async (_, client) => {
      const own = connect(address);
      onTestFinished(() => own.close());
      const alias = `client ${client}`;
      expected.push(alias);
      await change(own.service(ArtistService), alias);
    }),
  );

  const { aliases } = await artists.getArtist({ name });
  expect(aliases.toSorted()).toEqual(expected.toSorted());
  // Were none refused, the clients would not have been in each other's way.
  expect(refusals).toBeGreaterThan(0);
});
