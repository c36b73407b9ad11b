// Calls any method with any credentials, and makes the tokens for it.
// Knows no particular service.

import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { DescMethod } from "@bufbuild/protobuf";
import {
  type ChannelCredentials,
  Client,
  credentials,
  Metadata,
  type ServiceError,
} from "@grpc/grpc-js";
import { onTestFinished } from "vitest";
import { makeToken, type NewToken } from "../../src/access/token-file.ts";
import { methodPath } from "../../src/grpc/answer.ts";
import { tempDir } from "../support/temp.ts";

/** A file of tokens with these, and the text of each. */
export function tokenFile<Name extends string>(
  tokens: Readonly<Record<Name, Partial<NewToken>>>,
): { file: string; texts: Readonly<Record<Name, string>> } {
  const file = join(tempDir(), "tokens.json");
  const made = Object.entries<Partial<NewToken>>(tokens).map(([name, told]) => {
    const createTime = new Date().toISOString();
    return [name, makeToken({ name, role: "reader", createTime, ...told })] as const;
  });
  writeTokens(
    file,
    made.map(([, { stored }]) => stored),
  );
  const texts = made.map(([name, { text }]) => [name, text]);
  return { file, texts: Object.fromEntries(texts) };
}

/** Writes a file of tokens as it is told, whether or not it can be used. */
export function writeTokens(file: string, tokens: unknown): void {
  writeFileSync(file, JSON.stringify({ tokens }));
  chmodSync(file, 0o600);
}

/** A client that is closed with the test. */
export function openClient(
  address: string,
  security: ChannelCredentials = credentials.createInsecure(),
): Client {
  const client = new Client(address, security, { "grpc.use_local_subchannel_pool": 1 });
  onTestFinished(() => client.close());
  return client;
}

/** How a call with these credentials, and an empty request, ends; undefined if it is answered. */
export function refusalOf(
  client: Client,
  method: DescMethod,
  authorization?: string,
  request: Uint8Array = new Uint8Array(),
): Promise<ServiceError | undefined> {
  const metadata = new Metadata();
  if (authorization !== undefined) metadata.set("authorization", authorization);
  const options = { deadline: Date.now() + 20_000 };
  const asIs = (bytes: Buffer) => bytes;
  const path = methodPath(method);
  const bytes = Buffer.from(request);
  return new Promise((resolve) => {
    const answered = (error: ServiceError | null) => resolve(error ?? undefined);
    const followed = (stream: NodeJS.ReadableStream) => {
      stream.on("error", (error) => resolve(error as ServiceError));
      stream.on("data", () => {}).on("end", () => resolve(undefined));
    };
    switch (method.methodKind) {
      case "unary":
        client.makeUnaryRequest(path, asIs, asIs, bytes, metadata, options, answered);
        break;
      case "server_streaming":
        followed(client.makeServerStreamRequest(path, asIs, asIs, bytes, metadata, options));
        break;
      case "client_streaming": {
        const stream = client.makeClientStreamRequest(
          path,
          asIs,
          asIs,
          metadata,
          options,
          answered,
        );
        stream.on("error", () => {}).end();
        break;
      }
      case "bidi_streaming": {
        const stream = client.makeBidiStreamRequest(path, asIs, asIs, metadata, options);
        followed(stream);
        stream.end();
      }
    }
  });
}
