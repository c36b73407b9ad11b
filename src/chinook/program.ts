// Chinook as a program: what it serves, and its own words on the command line.
// Wiring only.

import { join } from "node:path";
import type { Program } from "../cli/program.ts";
import { PACKAGE_ROOT } from "../package-root.ts";
import { CHINOOK_FILES } from "./adopt/detect.ts";
import { METHODS } from "./methods.ts";
import { CHINOOK_MIGRATIONS, CHINOOK_POSTGRES_MIGRATIONS } from "./migrations.ts";
import { playlistTrackOperations } from "./playlists/playlist-fixtures.ts";
import { CHINOOK_RESOURCES } from "./resources.ts";
import { SEARCH_INDEX } from "./search/search-index.ts";

export const CHINOOK: Program = {
  ...CHINOOK_RESOURCES,
  methods: METHODS,
  migrations: CHINOOK_MIGRATIONS,
  postgresMigrations: CHINOOK_POSTGRES_MIGRATIONS,
  linkFixtures: playlistTrackOperations,
  foreign: CHINOOK_FILES,
  indexes: [SEARCH_INDEX],
  database: "data/chinook.db",
  fixtures: join(PACKAGE_ROOT, "fixtures"),
  examples: (address, flags) => [
    `grpcurl ${flags} ${address} list`,
    `grpcurl ${flags} -d '{"name": "tracks/1"}' ${address} chinook.v1.TrackService/GetTrack`,
    `grpcurl ${flags} -d '{"page_size": 3}' ${address} chinook.v1.ArtistService/ListArtists`,
  ],
  commands: { adopt: async () => (await import("./adopt/command.ts")).adoptCommand() },
};
