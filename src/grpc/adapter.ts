// Turns a Service into what grpc-js serves: the only place where handlers meet the transport.
// Whatever a handler does, the call gets one status and the process lives on.

import type { DescMethod } from "@bufbuild/protobuf";
import type {
  handleBidiStreamingCall,
  handleClientStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  ServiceDefinition,
  UntypedServiceImplementation,
} from "@grpc/grpc-js";
import type { StoreError } from "../errors.ts";
import type { Handler, Response, Service } from "../handlers/handler.ts";
import { decodeRequest } from "../handlers/raw-request.ts";
import { type OpenCall, openCall, type RawBidiStream, type RawServerStream } from "./call.ts";
import { encodeResponse } from "./codec.ts";
import { type FailureOptions, failureStatus, logLateFailure } from "./failure.ts";
import type { OpenStreams } from "./open-streams.ts";
import { receiveRequests, sendResponses } from "./streams.ts";

/** What the handlers of a service are run with. */
export interface AdapterOptions extends FailureOptions {
  readonly openStreams: OpenStreams;
  /** Refuses every call of the service with the error it returns. */
  readonly gate?: (() => StoreError | undefined) | undefined;
}

/** A service in the two parts that `Server.addService` takes. */
export interface AdaptedService {
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
}

/** Adapts a service; messages cross grpc-js as bytes, so that our errors reach the client. */
export function adaptService(service: Service, options: AdapterOptions): AdaptedService {
  const definition: Record<string, ServiceDefinition[string]> = {};
  const implementation: UntypedServiceImplementation = {};
  for (const handler of service.handlers) {
    const { localName } = handler.method;
    definition[localName] = {
      path: methodPath(handler.method),
      requestStream: handler.kind === "client_streaming" || handler.kind === "bidi_streaming",
      responseStream: handler.kind === "server_streaming" || handler.kind === "bidi_streaming",
      requestSerialize: asIs,
      requestDeserialize: asIs,
      responseSerialize: asIs,
      responseDeserialize: asIs,
    };
    implementation[localName] = adaptHandler(handler, options);
  }
  return { definition, implementation };
}

/** The path of a method's requests, for example `/library.v1.BookService/GetBook`. */
export function methodPath(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

type Of<Kind extends Handler["kind"]> = Extract<Handler, { kind: Kind }>;

function adaptHandler(handler: Handler, options: AdapterOptions) {
  switch (handler.kind) {
    case "unary":
      return adaptUnary(handler, options);
    case "server_streaming":
      return adaptServerStreaming(handler, options);
    case "client_streaming":
      return adaptClientStreaming(handler, options);
    case "bidi_streaming":
      return adaptBidiStreaming(handler, options);
  }
}

function adaptUnary(
  { method, implement, implementRaw }: Of<"unary">,
  options: AdapterOptions,
): handleUnaryCall<Buffer, Buffer> {
  return async (call, callback) => {
    const open = openCall(call);
    try {
      refuse(open, options);
      const response = implement
        ? await implement(decodeRequest(method.input, call.request), open.context)
        : await implementRaw(call.request, open.context);
      const bytes = encodeResponse(method.output, response);
      call.sendMetadata(open.answerMetadata);
      callback(null, bytes);
    } catch (error) {
      callback(failureStatus(error, methodPath(method), options));
    } finally {
      open.close();
    }
  };
}

function adaptServerStreaming(
  { method, implement }: Of<"server_streaming">,
  options: AdapterOptions,
): handleServerStreamingCall<Buffer, Buffer> {
  return (call) =>
    answerStream(call, method, options, ({ context }) =>
      implement(decodeRequest(method.input, call.request), context),
    );
}

function adaptClientStreaming(
  { method, implement }: Of<"client_streaming">,
  options: AdapterOptions,
): handleClientStreamingCall<Buffer, Buffer> {
  return async (call, callback) => {
    const open = openCall(call);
    const unregister = options.openStreams.add((reason) => open.abort(reason));
    try {
      refuse(open, options);
      const requests = receiveRequests(call, method.input, open.context.signal);
      const bytes = encodeResponse(method.output, await implement(requests, open.context));
      call.sendMetadata(open.answerMetadata);
      callback(null, bytes);
    } catch (error) {
      callback(failureStatus(error, methodPath(method), options));
    } finally {
      unregister();
      open.close();
    }
  };
}

function adaptBidiStreaming(
  { method, implement }: Of<"bidi_streaming">,
  options: AdapterOptions,
): handleBidiStreamingCall<Buffer, Buffer> {
  return (call) =>
    answerStream(call, method, options, ({ context }) =>
      implement(receiveRequests(call, method.input, context.signal), context),
    );
}

async function answerStream(
  call: RawServerStream | RawBidiStream,
  method: DescMethod,
  options: AdapterOptions,
  start: (open: OpenCall) => AsyncIterable<Response>,
): Promise<void> {
  // Sent at once, as a stream may have nothing else to say for long; grpc-js sends them only once.
  const open = openCall(call, (metadata) => call.sendMetadata(metadata));
  const unregister = options.openStreams.add((reason) => open.abort(reason));
  try {
    refuse(open, options);
    await sendResponses(start(open), {
      call,
      output: method.output,
      signal: open.context.signal,
      onLateFailure: (thrown) => logLateFailure(thrown, methodPath(method), options.log),
    });
    // A revision that came after the first response is told at the end.
    call.end(open.answerMetadata);
  } catch (error) {
    const status = failureStatus(error, methodPath(method), options);
    // A call that is over takes no status.
    if (!call.cancelled) call.emit("error", status);
  } finally {
    unregister();
    open.close();
  }
}

/** Throws why the call must not reach its handler, if there is a reason. */
function refuse(open: OpenCall, { gate }: AdapterOptions): void {
  open.throwIfOver();
  const closed = gate?.();
  if (closed) throw closed;
}

function asIs(bytes: Buffer): Buffer {
  return bytes;
}
