// Unary calls over a connection of its own: writers that share one would all meet the same process
// of a server that has several.

import {
  create,
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import {
  type ChannelOptions,
  Client,
  credentials,
  Metadata,
  type ServiceError,
} from "@grpc/grpc-js";

/** A connection that no other client of this process uses. */
export function openChannel(address: string, options: ChannelOptions = {}): Client {
  return new Client(address, credentials.createInsecure(), {
    "grpc.use_local_subchannel_pool": 1,
    "grpc.initial_reconnect_backoff_ms": 100,
    ...options,
  });
}

/** An answer, and the revision that it is of. */
export interface Answer<O> {
  readonly message: O;
  readonly revision: bigint;
}

const TIMEOUT_MS = 30_000;

/** What goes with a call. */
export interface CallOptions {
  readonly metadata?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

/** Calls a method. @throws ServiceError of grpc-js */
export function call<I extends DescMessage, O extends DescMessage>(
  channel: Client,
  method: DescMethodUnary<I, O>,
  init: MessageInitShape<I>,
  { metadata = {}, timeoutMs = TIMEOUT_MS }: CallOptions = {},
): Promise<Answer<MessageShape<O>>> {
  return new Promise((resolve, reject) => {
    let revision = 0n;
    const sent = new Metadata();
    for (const [key, value] of Object.entries(metadata)) sent.set(key, value);
    channel
      .makeUnaryRequest(
        `/${method.parent.typeName}/${method.name}`,
        (request: Uint8Array) => Buffer.from(request),
        (response: Buffer) => fromBinary(method.output, response),
        toBinary(method.input, create(method.input, init)),
        sent,
        { deadline: Date.now() + timeoutMs },
        (error: ServiceError | null, message?: MessageShape<O>) =>
          message === undefined ? reject(error) : resolve({ message, revision }),
      )
      .on("metadata", (metadata: Metadata) => {
        revision = BigInt(String(metadata.get("protostore-revision")[0] ?? 0));
      });
  });
}
