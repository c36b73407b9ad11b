// Asks a server for items over gRPC and compares its answers with the rows of its database.

import { status as Code, type ServiceError } from "@grpc/grpc-js";
import { ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import type { Item } from "./history.ts";
import { call, openChannel } from "./rpc.ts";
import type { DatabaseState } from "./state.ts";

/** What the server answers other than `state` says of the items whose names are known. */
export async function checkAnswers(
  address: string,
  items: Iterable<Item>,
  state: DatabaseState,
): Promise<string[]> {
  const rows = new Map(state.rows.map((row) => [row.name, row]));
  const channel = openChannel(address);
  async function check(name: string): Promise<string[]> {
    const answer = await call(channel, ArtistService.method.getArtist, { name }).catch(
      (error: ServiceError) => {
        if (error.code !== Code.NOT_FOUND) throw error;
      },
    );
    const row = rows.get(name);
    const { displayName, biography, etag } = answer?.message ?? {};
    const agrees =
      displayName === row?.displayName &&
      biography === row?.biography &&
      etag === (row && `"${row.revision}"`);
    return agrees ? [] : [`${name}: answered as ${displayName}, stored as ${row?.displayName}`];
  }
  try {
    const names = [...items].flatMap((item) => item.names);
    return (await Promise.all(names.map(check))).flat();
  } finally {
    channel.close();
  }
}
