// Typed clients from the same descriptors that the server is made of.
// Methods whose request is a stream are not there so far.

import {
  create,
  type DescMessage,
  type DescMethod,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  type DescService,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import type { GenService, GenServiceMethods } from "@bufbuild/protobuf/codegenv2";
import { Client as Channel, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { type Status, StatusSchema } from "../../gen/google/rpc/status_pb.ts";

/** A call that the server, or the network, has refused. */
export class RpcError extends Error {
  /** A `google.rpc.Code`. */
  readonly code: number;
  /** What the server says of it, if it says more than code and message. */
  readonly status: Status | undefined;

  constructor(error: ServiceError) {
    super(error.details, { cause: error });
    this.name = "RpcError";
    this.code = error.code;
    const [bytes] = error.metadata.get("grpc-status-details-bin");
    this.status = bytes instanceof Buffer ? fromBinary(StatusSchema, bytes) : undefined;
  }
}

/** How a call is made. */
export interface CallOptions {
  readonly timeoutMs?: number;
  /** Gets the metadata that the server sends with the response. */
  readonly onMetadata?: (metadata: ReadonlyMap<string, string>) => void;
}

type UnaryMethod<I extends DescMessage, O extends DescMessage> = (
  request: MessageInitShape<I>,
  options?: CallOptions,
) => Promise<MessageShape<O>>;

/** The unary methods of a service, by `DescMethod.localName`. */
export type UnaryMethods<S extends GenServiceMethods> = {
  readonly [K in keyof S as S[K]["methodKind"] extends "unary" ? K : never]: UnaryMethod<
    S[K]["input"],
    S[K]["output"]
  >;
};

type StreamMethod<I extends DescMessage, O extends DescMessage> = (
  request: MessageInitShape<I>,
  options?: Pick<CallOptions, "timeoutMs">,
) => AsyncIterable<MessageShape<O>>;

/** The methods of a service that answer with a stream; who leaves it ends the call. */
export type StreamMethods<S extends GenServiceMethods> = {
  readonly [K in keyof S as S[K]["methodKind"] extends "server_streaming"
    ? K
    : never]: StreamMethod<S[K]["input"], S[K]["output"]>;
};

/** A connection to a server. */
export interface Connection {
  /** The methods of a service of the server; each throws RpcError. */
  service<S extends GenServiceMethods>(desc: GenService<S>): UnaryMethods<S> & StreamMethods<S>;
  close(): void;
}

const DEFAULT_TIMEOUT_MS = 30_000;

/** How a server is to know who calls, and who calls the server. */
export interface ConnectOptions {
  /** PEM; a connection is not encrypted if absent. */
  readonly tls?: TlsOptions;
  /** Sent with each call as a bearer token. */
  readonly token?: string;
}

/** What TLS is done with, in PEM. */
export interface TlsOptions {
  /** Whose certificates are trusted; those that Node.js trusts if absent. */
  readonly ca?: Buffer;
  /** The certificate of the client, and its key. */
  readonly certificate?: Buffer;
  readonly key?: Buffer;
}

/** Connects to the server at `host:port`; each connection is its own. */
export function connect(address: string, { tls, token }: ConnectOptions = {}): Connection {
  const security = tls
    ? credentials.createSsl(tls.ca ?? null, tls.key ?? null, tls.certificate ?? null)
    : credentials.createInsecure();
  const channel = new Channel(address, security, {
    // Else all of this process would be one, and with it in one process of the server.
    "grpc.use_local_subchannel_pool": 1,
  });
  return {
    service(desc) {
      const methods = (desc as DescService).methods.map((method) => [
        method.localName,
        methodOf(channel, method, token),
      ]);
      return Object.fromEntries(methods);
    },
    close: () => channel.close(),
  };
}

function methodOf(channel: Channel, method: DescMethod, token: string | undefined) {
  switch (method.methodKind) {
    case "unary":
      return unaryMethod(channel, method as DescMethodUnary, token);
    case "server_streaming":
      return streamMethod(channel, method as DescMethodServerStreaming, token);
    case "client_streaming":
    case "bidi_streaming":
      return undefined;
  }
}

function unaryMethod(
  channel: Channel,
  method: DescMethodUnary,
  token: string | undefined,
): UnaryMethod<DescMessage, DescMessage> {
  return (init, { timeoutMs = DEFAULT_TIMEOUT_MS, onMetadata } = {}) =>
    new Promise((resolve, reject) => {
      const call = channel.makeUnaryRequest(
        ...wireOf(method),
        toBinary(method.input, create(method.input, init)),
        metadataOf(token),
        { deadline: Date.now() + timeoutMs },
        (error, response) =>
          response ? resolve(response) : reject(new RpcError(error as ServiceError)),
      );
      if (onMetadata) {
        call.on("metadata", (metadata: Metadata) => onMetadata(toMap(metadata)));
      }
    });
}

/** A stream may last: it has a deadline only if it is given one. */
function streamMethod(
  channel: Channel,
  method: DescMethodServerStreaming,
  token: string | undefined,
): StreamMethod<DescMessage, DescMessage> {
  return async function* (init, { timeoutMs } = {}) {
    const call = channel.makeServerStreamRequest(
      ...wireOf(method),
      toBinary(method.input, create(method.input, init)),
      metadataOf(token),
      timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs },
    );
    try {
      yield* call;
    } catch (error) {
      throw new RpcError(error as ServiceError);
    } finally {
      call.cancel();
    }
  };
}

/** Where the requests of a method go, and how requests and answers are on their way. */
function wireOf({ parent, name, output }: DescMethod) {
  return [
    `/${parent.typeName}/${name}`,
    (request: Uint8Array) => Buffer.from(request),
    (response: Buffer) => fromBinary(output, response),
  ] as const;
}

function metadataOf(token: string | undefined): Metadata {
  const metadata = new Metadata();
  if (token !== undefined) metadata.set("authorization", `Bearer ${token}`);
  return metadata;
}

function toMap(metadata: Metadata): ReadonlyMap<string, string> {
  return new Map(Object.entries(metadata.getMap()).map(([key, value]) => [key, String(value)]));
}
