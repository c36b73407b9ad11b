// The resources, of which one ends the thread that stores it.

import { type Artist, ArtistSchema } from "../../gen/chinook/v1/artist_pb.ts";
import { RESOURCES as SERVED } from "../../src/chinook/resources.ts";
import type { ResourceDefinition } from "../../src/schema/plan.ts";

/** The artist whose name ends the thread. */
export const LAST_ARTIST = "the last artist";

const RESOURCES: readonly ResourceDefinition[] = SERVED.map((definition) =>
  definition.resource === ArtistSchema
    ? { ...definition, derive: (message) => endThread(message as Artist) }
    : definition,
);

export const DYING = { definitions: import.meta.url, resources: RESOURCES };

function endThread({ displayName }: Artist): void {
  // In a thread of its own it ends the thread only.
  if (displayName === LAST_ARTIST) process.exit(1);
}
