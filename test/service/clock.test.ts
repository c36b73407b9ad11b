// Every time that a commit stores is that of the clock that the resources were defined with: nothing
// asks the machine.

import { toJson } from "@bufbuild/protobuf";
import { TimestampSchema } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import { CHINOOK } from "../../src/chinook/program.ts";
import { startTestService } from "../support/service.ts";
import { STILL, STILL_RESOURCES } from "../support/still-clock.ts";
import { openSql } from "./support.ts";

test("times are those of the clock, whichever thread stores them", async () => {
  const definition = { ...CHINOOK, ...STILL_RESOURCES };
  const { connection, database } = await startTestService({ definition });
  const artists = connection.service(ArtistService);
  const one = await artists.createArtist({ artist: { displayName: "one" } });
  const { artists: more } = await artists.batchCreateArtists({
    requests: ["two", "three"].map((displayName) => ({ artist: { displayName } })),
  });
  const updated = await artists.updateArtist({
    artist: { name: one.name, displayName: "uno" },
    updateMask: { paths: ["display_name"] },
  });
  for (const { createTime, updateTime } of [one, ...more, updated]) {
    for (const time of [createTime, updateTime]) {
      expect(time && toJson(TimestampSchema, time)).toBe(STILL);
    }
  }
  const sql = openSql(database);
  const times = sql.prepare("SELECT DISTINCT created_at, updated_at FROM artists").all();
  expect(times).toEqual([{ created_at: STILL, updated_at: STILL }]);
  expect(sql.prepare("SELECT stored_at FROM stored_schemas").pluck().all()).toEqual([STILL]);
});
