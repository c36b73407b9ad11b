// Flow control both ways: no more is sent than there is room for, of a stream and of the connection, and all of it in
// the end; no more is taken.

import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { CONNECTION_WINDOW_BYTES, STREAM_WINDOW_BYTES } from "../../src/http2/limits.ts";
import { ErrorCode, Flag, FrameType, Setting } from "../../src/http2/protocol.ts";
import { startEchoServer } from "./echo-server.ts";
import { connectRaw, frame, type RawClient, requestBlock, settings, uint32 } from "./raw-client.ts";

const REQUEST = requestBlock();
const CONNECTION_AT_FIRST = 65_535;

const dataOf = ({ frames }: RawClient, id?: number) =>
  frames
    .filter((each) => each.type === FrameType.DATA && (id === undefined || each.id === id))
    .reduce((sum, { payload }) => sum + payload.length, 0);

/** Resolves when the server has dealt with all that was sent. */
async function settle(client: RawClient, mark: number): Promise<void> {
  const payload = Buffer.alloc(8, mark);
  client.send(frame(FrameType.PING, 0, 0, payload));
  await client.until((each) => each.type === FrameType.PING && each.payload.equals(payload));
}

test("what is sent keeps to the windows, whichever is the narrower, and comes in the end", async () => {
  const { port, close } = await startEchoServer();
  onTestFinished(close);
  const bodies = fc.array(fc.integer({ min: 1, max: 40_000 }), { minLength: 1, maxLength: 6 });
  const grants = fc.array(
    fc.record({ of: fc.nat({ max: 6 }), bytes: fc.integer({ min: 1, max: 20_000 }) }),
    { maxLength: 12 },
  );
  const first = fc.integer({ min: 0, max: 50_000 });
  await fc.assert(
    fc.asyncProperty(bodies, grants, first, first, async (sizes, given, before, after) => {
      const client = await connectRaw(port);
      client.send(frame(FrameType.SETTINGS, 0, 0, settings([Setting.INITIAL_WINDOW_SIZE, before])));
      const ids = sizes.map((_, index) => 2 * index + 1);
      for (const [index, size] of sizes.entries()) ask(client, ids[index] as number, size);
      // The window of streams that are there changes too, and may become less than nothing.
      client.send(frame(FrameType.SETTINGS, 0, 0, settings([Setting.INITIAL_WINDOW_SIZE, after])));
      const room = new Map(ids.map((id) => [id, Math.max(before, after)]));
      let all = CONNECTION_AT_FIRST;
      const check = async (mark: number) => {
        await settle(client, mark);
        expect(dataOf(client)).toBeLessThanOrEqual(all);
        for (const [id, bytes] of room) expect(dataOf(client, id)).toBeLessThanOrEqual(bytes);
      };
      await check(1);
      for (const [index, { of, bytes }] of given.entries()) {
        const id = ids[of - 1] ?? 0;
        client.send(frame(FrameType.WINDOW_UPDATE, 0, id, uint32(bytes)));
        if (id === 0) all += bytes;
        else room.set(id, (room.get(id) ?? 0) + bytes);
        await check(2 + index);
      }
      for (const id of [0, ...ids]) {
        client.send(frame(FrameType.WINDOW_UPDATE, 0, id, uint32(1_000_000)));
      }
      await client.until(() => isWhole(client, ids));
      expect(ids.map((id) => dataOf(client, id))).toEqual(sizes);
      client.socket.destroy();
    }),
    { numRuns: 40 },
  );
});

/** Asks for an answer of this size, by sending as much. */
function ask(client: RawClient, id: number, size: number): void {
  client.send(frame(FrameType.HEADERS, Flag.END_HEADERS, id, REQUEST));
  for (let left = size; left > 0; left -= 16_000) {
    const last = left <= 16_000 ? Flag.END_STREAM : 0;
    client.send(frame(FrameType.DATA, last, id, Buffer.alloc(Math.min(left, 16_000))));
  }
}

function isWhole({ frames }: RawClient, ids: readonly number[]): boolean {
  return ids.every((id) => frames.some((each) => each.id === id && isTrailers(each)));
}

function isTrailers({ type, flags }: { type: number; flags: number }): boolean {
  return type === FrameType.HEADERS && (flags & Flag.END_STREAM) !== 0;
}

test("a stream that is not read takes its window and no more, and the others go on", async () => {
  const given: ((bytes: number) => void)[] = [];
  const { port, close } = await startEchoServer({}, (stream) => {
    stream.listener = { onData() {}, onEnd() {}, onRoom() {}, onClose() {} };
    given.push((bytes) => stream.give(bytes));
  });
  onTestFinished(close);
  const client = await connectRaw(port);
  // More than the window of the connection together: that is given back at once.
  const chunk = Buffer.alloc(16_384);
  const ids = [1, 3, 5, 7, 9];
  for (const id of ids) {
    client.send(frame(FrameType.HEADERS, Flag.END_HEADERS, id, REQUEST));
    for (let sent = 0; sent < STREAM_WINDOW_BYTES; sent += chunk.length) {
      client.send(frame(FrameType.DATA, 0, id, chunk));
      await settle(client, id);
    }
  }
  expect(ids.length * STREAM_WINDOW_BYTES).toBeGreaterThan(CONNECTION_WINDOW_BYTES);
  const widened = () => client.frames.filter(({ type, id }) => type === 8 && id !== 0);
  expect(widened()).toEqual([]);
  // What is read is given back.
  given[0]?.(STREAM_WINDOW_BYTES);
  await client.until(({ type, id }) => type === FrameType.WINDOW_UPDATE && id === 1);
  client.send(frame(FrameType.DATA, 0, 1, chunk), frame(FrameType.DATA, 0, 3, Buffer.of(1)));
  const reset = await client.until(({ type }) => type === FrameType.RST_STREAM);
  expect([reset?.id, reset?.payload.readUInt32BE()]).toEqual([3, ErrorCode.FLOW_CONTROL_ERROR]);
  client.socket.destroy();
});
