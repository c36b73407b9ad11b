// Clients that let a server wait: one that sends half of a request, one that reads nothing of its answer.
// Say whether the server has ended their call.

import { once } from "node:events";
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import { create, toBinary } from "@bufbuild/protobuf";
import { onTestFinished } from "vitest";
import { ArtistService, GetArtistRequestSchema } from "../../gen/chinook/v1/artist_pb.ts";
import { methodPath } from "../../src/grpc/answer.ts";

function openCall(address: string): { session: ClientHttp2Session; call(): ClientHttp2Stream } {
  const session = connect(`http://${address}`);
  session.on("error", () => {});
  onTestFinished(() => session.destroy());
  return {
    session,
    call() {
      const stream = session.request({
        ":method": "POST",
        ":path": methodPath(ArtistService.method.getArtist),
        "content-type": "application/grpc",
        te: "trailers",
      });
      stream.on("error", () => {});
      return stream;
    },
  };
}

async function isEnded(
  session: ClientHttp2Session,
  stream: ClientHttp2Stream,
  patienceMs: number,
): Promise<boolean> {
  const ended = once(stream, "close").then(() => true);
  const waited = new Promise<boolean>((resolve) => setTimeout(() => resolve(false), patienceMs));
  const isOver = await Promise.race([ended, waited]);
  session.destroy();
  return isOver;
}

/** Whether a request that does not end is ended within this time. */
export function sendHalf(address: string, patienceMs: number): Promise<boolean> {
  const { session, call } = openCall(address);
  const stream = call();
  stream.write(Buffer.alloc(3));
  return isEnded(session, stream, patienceMs);
}

/** Whether a Get of a large message that nobody reads is ended within this time. */
export async function leaveUnread(
  address: string,
  name: string,
  patienceMs: number,
): Promise<boolean> {
  const { session, call } = openCall(address);
  session.settings({ initialWindowSize: 0 });
  await once(session, "localSettings");
  const stream = call();
  const request = toBinary(GetArtistRequestSchema, create(GetArtistRequestSchema, { name }));
  const head = Buffer.alloc(5);
  head.writeUInt32BE(request.length, 1);
  stream.pause();
  stream.end(Buffer.concat([head, request]));
  return isEnded(session, stream, patienceMs);
}
