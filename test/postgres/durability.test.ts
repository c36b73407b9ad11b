// What is acknowledged is synced, whatever has been set for the database: read by a trigger inside the
// transactions themselves, and as the status tells it.

import { expect, onTestFinished, test } from "vitest";
import { ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import { DatabaseService } from "../../gen/protostore/v1/database_service_pb.ts";
import type { Durability } from "../../src/config.ts";
import { startTestService } from "../support/service.ts";
import { makeEmptyDatabase } from "./empty.ts";

test.each([
  ["full", "off", "on"],
  ["full", "remote_apply", "remote_apply"],
  ["relaxed", "on", "off"],
] satisfies [Durability, string, string][])(
  "a server that is %s, on a database with synchronous_commit %s, commits with %s",
  async (durability, set, wanted) => {
    const empty = await makeEmptyDatabase();
    onTestFinished(() => empty.drop());
    await empty.admin(`ALTER DATABASE ${empty.name} SET synchronous_commit = ${set}`);
    const { connection } = await startTestService({ database: empty.url, durability });
    await empty.other.script(`
      CREATE TABLE seen (setting text);
      CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$;
      CREATE TRIGGER see AFTER INSERT ON artists FOR EACH ROW EXECUTE FUNCTION see();
    `);
    await connection.service(ArtistService).createArtist({ artist: { displayName: "A" } });
    const rows = await empty.other.all({ sql: "SELECT setting FROM seen", parameters: [] });
    expect(rows).toEqual([[wanted]]);
    const { postgres } = await connection.service(DatabaseService).getDatabaseStatus({});
    expect(postgres).toMatchObject({ synchronousCommit: wanted });
  },
);
