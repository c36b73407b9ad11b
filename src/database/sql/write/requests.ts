// Requests that were carried out, remembered in their own transaction (AIP-155): a repeated one is
// answered from here, also after a crash. Begins and ends no transaction.

import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import { invalidField } from "../../../errors.ts";
import type { Commit, RequestIdentity } from "../../database.ts";
import { change, getRow, type Steps } from "../steps.ts";

/**
 * What the request was answered when it was carried out; undefined if it was not.
 * @throws StoreError INVALID_FIELD if another request had the same id.
 */
export function* findCompleted(
  request: RequestIdentity,
  notBeforeMs: number,
): Steps<Commit | undefined> {
  const row = yield* getRow({
    sql: "SELECT digest, revision, messages FROM completed_requests WHERE request_id = ? AND completed_at >= ?",
    parameters: [request.id, BigInt(notBeforeMs)],
  });
  if (!row) return undefined;
  const [digest, revision, messages] = row as [Uint8Array, bigint, Uint8Array];
  if (Buffer.compare(digest, request.digest) !== 0) {
    throw invalidField("request_id", "was used for another request");
  }
  return { revision, messages: decodeMessages(messages) };
}

/** Remembers what the request was answered, and forgets requests from before `notBeforeMs`. */
export function* rememberCompleted(
  request: RequestIdentity,
  commit: Commit,
  nowMs: number,
  notBeforeMs: number,
): Steps<void> {
  yield* change({
    sql: "DELETE FROM completed_requests WHERE completed_at < ?",
    parameters: [BigInt(notBeforeMs)],
  });
  yield* change({
    sql: "INSERT INTO completed_requests (request_id, digest, revision, messages, completed_at) VALUES (?, ?, ?, ?, ?)",
    parameters: [
      request.id,
      request.digest,
      commit.revision,
      encodeMessages(commit.messages),
      BigInt(nowMs),
    ],
  });
}

/** Each message after a flag that says whether there is one. */
function encodeMessages(messages: Commit["messages"]): Uint8Array {
  const writer = new BinaryWriter();
  for (const message of messages) {
    writer.bool(message !== undefined);
    if (message) writer.bytes(message);
  }
  return writer.finish();
}

function decodeMessages(bytes: Uint8Array): Commit["messages"] {
  const reader = new BinaryReader(bytes);
  const messages: (Uint8Array | undefined)[] = [];
  while (reader.pos < reader.len) messages.push(reader.bool() ? reader.bytes() : undefined);
  return messages;
}
