// What a handler is, without any transport: a function from request to response, each of which may
// be a stream of them. Errors are thrown as StoreError; the edge (grpc/) gives them their status.

import type {
  DescMethod,
  DescMethodBiDiStreaming,
  DescMethodClientStreaming,
  DescMethodServerStreaming,
  DescMethodUnary,
  DescService,
  Message,
  MessageShape,
} from "@bufbuild/protobuf";
import type { GenService, GenServiceMethods } from "@bufbuild/protobuf/codegenv2";
import type { Principal } from "../access/principal.ts";
import type { StatementLog } from "../observe/statement-run.ts";

/** What a handler knows of the call beside its request. */
export interface CallContext {
  /** Aborted when the client cancels, the deadline passes or the server stops. */
  readonly signal: AbortSignal;
  /** When the client stops waiting, in milliseconds since the epoch; absent if it never does. */
  readonly deadlineMs?: number;
  /**
   * The revision that the answer must have at least: that in the client's own metadata
   * `protostore-revision`, or the one that it was told before in this call.
   * @throws StoreError INVALID_FIELD if the client sends what is no revision.
   */
  readonly minRevision?: bigint | undefined;
  /** Where the statements are noted that are run for it. */
  readonly statements?: StatementLog | undefined;
  /** Who calls: `host:port`, or `unix:` and a path. */
  readonly peer: string;
  /** Who that is, by its credentials; undefined if everybody may call. */
  readonly principal: Principal | undefined;
  /** What the client has sent beside the request, by key in lower case; `-bin` keys have bytes. */
  metadata(key: string): readonly (string | Uint8Array)[];
  /** Tells the client, in the metadata `protostore-revision`, the revision that the answer is of. */
  setRevision(revision: bigint): void;
}

/** A response: a message, or the bytes of one that is encoded already. */
export type Response<T extends Message = Message> = T | Uint8Array;

/** The function that implements method `M`. */
export type Implementation<M extends GenServiceMethods[string]> = M extends {
  readonly methodKind: "unary";
}
  ? (request: MessageShape<M["input"]>, context: CallContext) => Promise<ResponseOf<M>>
  : M extends { readonly methodKind: "server_streaming" }
    ? (request: MessageShape<M["input"]>, context: CallContext) => AsyncIterable<ResponseOf<M>>
    : M extends { readonly methodKind: "client_streaming" }
      ? (
          requests: AsyncIterable<MessageShape<M["input"]>>,
          context: CallContext,
        ) => Promise<ResponseOf<M>>
      : M extends { readonly methodKind: "bidi_streaming" }
        ? (
            requests: AsyncIterable<MessageShape<M["input"]>>,
            context: CallContext,
          ) => AsyncIterable<ResponseOf<M>>
        : never;

type ResponseOf<M extends GenServiceMethods[string]> = Response<MessageShape<M["output"]>>;

/** The functions that implement the methods of a service, by `DescMethod.localName`. */
export type Implementations<S extends GenServiceMethods> = {
  readonly [K in keyof S]: Implementation<S[K]>;
};

/** A function that takes a unary request as the bytes that came. */
export type RawFunction = (request: Uint8Array, context: CallContext) => Promise<Response>;

/** One method with its function; `implement` is called with what its kind of method takes. */
export type Handler =
  | {
      readonly kind: "unary";
      readonly method: DescMethodUnary;
      readonly implementRaw: RawFunction;
      readonly implement?: undefined;
    }
  | {
      readonly kind: "unary";
      readonly method: DescMethodUnary;
      readonly implementRaw?: undefined;
      readonly implement: (request: Message, context: CallContext) => Promise<Response>;
    }
  | {
      readonly kind: "server_streaming";
      readonly method: DescMethodServerStreaming;
      readonly implement: (request: Message, context: CallContext) => AsyncIterable<Response>;
    }
  | {
      readonly kind: "client_streaming";
      readonly method: DescMethodClientStreaming;
      readonly implement: (
        requests: AsyncIterable<Message>,
        context: CallContext,
      ) => Promise<Response>;
    }
  | {
      readonly kind: "bidi_streaming";
      readonly method: DescMethodBiDiStreaming;
      readonly implement: (
        requests: AsyncIterable<Message>,
        context: CallContext,
      ) => AsyncIterable<Response>;
    };

/** A service that is ready to be served: each of its methods has a handler. */
export interface Service {
  readonly desc: DescService;
  readonly handlers: readonly Handler[];
}

/** The function of some method, whatever its kind. */
export type AnyImplementation = NonNullable<Handler["implement"]>;

/** The handler of `method`; types have seen to it that `implement` is a function of its kind. */
export function toHandler(method: DescMethod, implement: AnyImplementation): Handler {
  return { kind: method.methodKind, method, implement } as Handler;
}

/** A service all of whose methods are written by hand. */
export function implementService<S extends GenServiceMethods>(
  desc: GenService<S>,
  implementations: Implementations<S>,
): Service {
  const byName = implementations as Readonly<Record<string, AnyImplementation>>;
  const handlers = desc.methods.map((method) =>
    toHandler(method, byName[method.localName] as AnyImplementation),
  );
  return { desc, handlers };
}
