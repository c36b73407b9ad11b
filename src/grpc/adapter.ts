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
import { requiredRole } from "../access/method-policy.ts";
import type { BeginTrace, CallMeter, OnFinished } from "../handlers/finished-call.ts";
import type { Handler, Response, Service } from "../handlers/handler.ts";
import { decodeRequest } from "../handlers/raw-request.ts";
import type { AnswerMemory } from "./answer-memory.ts";
import { type OpenCall, openCall, type RawBidiStream, type RawServerStream } from "./call.ts";
import { encodeResponse } from "./codec.ts";
import { type FailureOptions, failureStatus, logLateFailure, toStoreError } from "./failure.ts";
import { type Gate, type GateConfig, gateOf } from "./gate.ts";
import type { OpenStreams } from "./open-streams.ts";
import { receiveRequests, sendResponses } from "./streams.ts";

/** What the handlers of a service are run with. */
export interface AdapterOptions extends FailureOptions {
  readonly openStreams: OpenStreams;
  readonly gate: GateConfig;
  readonly answers: AnswerMemory;
  /** Is told of each call when its answer is ready to be sent. */
  readonly onFinished?: OnFinished | undefined;
  /** Who is told of the calls of a method as they come and go. */
  readonly meterOf?: ((method: DescMethod) => CallMeter) | undefined;
  /** What begins the traces of the calls of a method. */
  readonly traceOf?: ((method: DescMethod) => BeginTrace) | undefined;
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
  const { gate, meter, beginTrace } = partsOf(method, options);
  const isRead = requiredRole(method, true) === "reader";
  return async (call, callback) => {
    const open = openCall(call, beginTrace);
    const { request } = call;
    open.requestBytes = request.length;
    meter?.onStarted();
    meter?.onReceived();
    try {
      const waiting = gate(open);
      if (waiting) await waiting;
      const response = await open.run(() =>
        implement
          ? implement(decodeRequest(method.input, request), open.context)
          : implementRaw(request, open.context),
      );
      const bytes = encodeResponse(method.output, response);
      // What was written must be told, whatever it takes.
      const giveBack = isRead ? options.answers.take(bytes.length) : undefined;
      if (giveBack) open.onGone(giveBack);
      open.responseBytes = bytes.length;
      meter?.onSent();
      tell(options, method, open, { request, response: bytes });
      call.sendMetadata(open.answerMetadata);
      callback(null, bytes);
    } catch (error) {
      tell(options, method, open, { request, error });
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
  const parts = partsOf(method, options);
  const { meter } = parts;
  return (call) => {
    const { request } = call;
    return answerStream(call, { ...options, ...parts, request }, (open) => {
      open.requestBytes = request.length;
      meter?.onReceived();
      return implement(decodeRequest(method.input, request), open.context);
    });
  };
}

function adaptClientStreaming(
  { method, implement }: Of<"client_streaming">,
  options: AdapterOptions,
): handleClientStreamingCall<Buffer, Buffer> {
  const { gate, meter, beginTrace } = partsOf(method, options);
  return async (call, callback) => {
    const open = openCall(call, beginTrace);
    meter?.onStarted();
    const unregister = options.openStreams.add((reason) => open.abort(reason));
    try {
      await gate(open);
      const requests = receiveRequests(call, method.input, open, meter);
      const response = await open.run(() => implement(requests, open.context));
      const bytes = encodeResponse(method.output, response);
      open.responseBytes = bytes.length;
      meter?.onSent();
      tell(options, method, open, { response: bytes });
      call.sendMetadata(open.answerMetadata);
      callback(null, bytes);
    } catch (error) {
      tell(options, method, open, { error });
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
  const parts = partsOf(method, options);
  const { meter } = parts;
  return (call) =>
    answerStream(call, { ...options, ...parts }, (open) =>
      implement(receiveRequests(call, method.input, open, meter), open.context),
    );
}

/** What is made once for the calls of a method. */
interface MethodParts {
  readonly method: DescMethod;
  readonly gate: Gate;
  readonly meter: CallMeter | undefined;
  readonly beginTrace: BeginTrace | undefined;
}

function partsOf(method: DescMethod, options: AdapterOptions): MethodParts {
  return {
    method,
    gate: gateOf(method, options.gate),
    meter: options.meterOf?.(method),
    beginTrace: options.traceOf?.(method),
  };
}

interface StreamOptions extends Omit<AdapterOptions, "gate">, MethodParts {
  readonly request?: Uint8Array;
}

async function answerStream(
  call: RawServerStream | RawBidiStream,
  options: StreamOptions,
  start: (open: OpenCall) => AsyncIterable<Response>,
): Promise<void> {
  const { method, gate, meter, beginTrace, request } = options;
  // Sent at once, as a stream may have nothing else to say for long; grpc-js sends them only once.
  const open = openCall(call, beginTrace, (metadata) => call.sendMetadata(metadata));
  meter?.onStarted();
  const unregister = options.openStreams.add((reason) => open.abort(reason));
  try {
    await gate(open);
    const outlet = {
      call,
      output: method.output,
      open,
      meter,
      onLateFailure: (thrown: unknown) => logLateFailure(thrown, methodPath(method), options.log),
    };
    await open.run(() => sendResponses(start(open), outlet));
    // A revision that came after the first response is told at the end.
    tell(options, method, open, { request });
    call.end(open.answerMetadata);
  } catch (error) {
    const status = failureStatus(error, methodPath(method), options);
    tell(options, method, open, { request, error });
    // A call that is over takes no status.
    if (!call.cancelled) call.emit("error", status);
  } finally {
    unregister();
    open.close();
  }
}

/** What is told of a call beside what it knows itself. */
interface Outcome {
  readonly request?: Uint8Array | undefined;
  readonly response?: Uint8Array;
  readonly error?: unknown;
}

function tell(
  { onFinished, log }: Pick<AdapterOptions, "onFinished" | "log">,
  method: DescMethod,
  open: OpenCall,
  { request, response, error }: Outcome,
): void {
  const { trace, context, startMs, revision, requestBytes, responseBytes, statements } = open;
  if (!onFinished && !trace) return;
  try {
    const finished = {
      method,
      context,
      startMs,
      error: error === undefined ? undefined : toStoreError(error),
      revision,
      requestBytes,
      responseBytes,
      request,
      response,
      statements,
      traceId: trace?.traceId,
    };
    trace?.finish(finished);
    onFinished?.(finished);
  } catch (thrown) {
    logLateFailure(thrown, methodPath(method), log);
  }
}

function asIs(bytes: Buffer): Buffer {
  return bytes;
}
