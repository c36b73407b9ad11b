// Runs a handler for a call, by whichever transport that came: the gate, the handler, and one status whatever
// it does, so that the process lives on. Must not know the transports.

import type { DescMethod } from "@bufbuild/protobuf";
import { requiredRole } from "../access/method-policy.ts";
import type { BeginTrace, CallMeter, OnFinished } from "../handlers/finished-call.ts";
import type { Handler, Response } from "../handlers/handler.ts";
import { decodeRequest } from "../handlers/raw-request.ts";
import type { AnswerMemory } from "./answer-memory.ts";
import { type OpenCall, openCall } from "./call.ts";
import { encodeResponse } from "./codec.ts";
import { type FailureOptions, failureStatus, logLateFailure, toStoreError } from "./failure.ts";
import { type Gate, type GateConfig, gateOf } from "./gate.ts";
import type { OpenStreams } from "./open-streams.ts";
import { receiveRequests, sendResponses } from "./streams.ts";
import type {
  AnswerCall,
  AnswerStreamCall,
  RequestCall,
  RequestStreamCall,
} from "./transport-call.ts";

/** What the handlers of a service are run with. */
export interface AnswerOptions extends FailureOptions {
  readonly openStreams: OpenStreams;
  readonly gate: GateConfig;
  readonly answers: AnswerMemory;
  /** The largest answer. */
  readonly sendMessageBytes: number;
  /** Is told of each call when its answer is ready to be sent. */
  readonly onFinished?: OnFinished | undefined;
  /** Who is told of the calls of a method as they come and go. */
  readonly meterOf?: ((method: DescMethod) => CallMeter) | undefined;
  /** What begins the traces of the calls of a method. */
  readonly traceOf?: ((method: DescMethod) => BeginTrace) | undefined;
}

/** What answers the calls of a method, of its kind; it never throws, and its promise never rejects. */
export type Answering =
  | { readonly kind: "unary"; readonly answer: Answer<RequestCall & AnswerCall> }
  | { readonly kind: "server_streaming"; readonly answer: Answer<RequestCall & AnswerStreamCall> }
  | { readonly kind: "client_streaming"; readonly answer: Answer<RequestStreamCall & AnswerCall> }
  | {
      readonly kind: "bidi_streaming";
      readonly answer: Answer<RequestStreamCall & AnswerStreamCall>;
    };

/** Answers a call, at once or by the time that the promise resolves. */
type Answer<Call> = (call: Call) => Promise<void> | undefined;

/** What answers the calls of the handler's method. */
export function answeringOf(handler: Handler, options: AnswerOptions): Answering {
  switch (handler.kind) {
    case "unary":
      return { kind: handler.kind, answer: answerUnary(handler, options) };
    case "server_streaming":
      return { kind: handler.kind, answer: answerServerStream(handler, options) };
    case "client_streaming":
      return { kind: handler.kind, answer: answerClientStream(handler, options) };
    case "bidi_streaming":
      return { kind: handler.kind, answer: answerBidiStream(handler, options) };
  }
}

/** The path of a method's requests, for example `/library.v1.BookService/GetBook`. */
export function methodPath(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

type Of<Kind extends Handler["kind"]> = Extract<Handler, { kind: Kind }>;

function answerUnary(
  { method, implement, implementRaw }: Of<"unary">,
  options: AnswerOptions,
): Answer<RequestCall & AnswerCall> {
  const { gate, meter, beginTrace } = partsOf(method, options);
  const isRead = requiredRole(method, true) === "reader";
  return async (call) => {
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
      const bytes = encodeResponse(method.output, response, options.sendMessageBytes);
      // What was written must be told, whatever it takes.
      const giveBack = isRead ? options.answers.take(bytes.length, call.unread) : undefined;
      if (giveBack) open.onGone(giveBack);
      open.responseBytes = bytes.length;
      meter?.onSent();
      tell(options, method, open, { request, response: bytes });
      call.answer(bytes, open.revision);
    } catch (error) {
      tell(options, method, open, { request, error });
      call.fail(failureStatus(error, methodPath(method), options));
    } finally {
      open.close();
    }
  };
}

function answerServerStream(
  { method, implement }: Of<"server_streaming">,
  options: AnswerOptions,
): Answer<RequestCall & AnswerStreamCall> {
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

function answerClientStream(
  { method, implement }: Of<"client_streaming">,
  options: AnswerOptions,
): Answer<RequestStreamCall & AnswerCall> {
  const { gate, meter, beginTrace } = partsOf(method, options);
  return async (call) => {
    const open = openCall(call, beginTrace);
    meter?.onStarted();
    const unregister = options.openStreams.add((reason) => open.abort(reason));
    try {
      await gate(open);
      const requests = receiveRequests(call, method.input, open, meter);
      const response = await open.run(() => implement(requests, open.context));
      const bytes = encodeResponse(method.output, response, options.sendMessageBytes);
      open.responseBytes = bytes.length;
      meter?.onSent();
      tell(options, method, open, { response: bytes });
      call.answer(bytes, open.revision);
    } catch (error) {
      tell(options, method, open, { error });
      call.fail(failureStatus(error, methodPath(method), options));
    } finally {
      unregister();
      open.close();
    }
  };
}

function answerBidiStream(
  { method, implement }: Of<"bidi_streaming">,
  options: AnswerOptions,
): Answer<RequestStreamCall & AnswerStreamCall> {
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

function partsOf(method: DescMethod, options: AnswerOptions): MethodParts {
  return {
    method,
    gate: gateOf(method, options.gate),
    meter: options.meterOf?.(method),
    beginTrace: options.traceOf?.(method),
  };
}

interface StreamOptions extends Omit<AnswerOptions, "gate">, MethodParts {
  readonly request?: Uint8Array;
}

async function answerStream(
  call: AnswerStreamCall,
  options: StreamOptions,
  start: (open: OpenCall) => AsyncIterable<Response>,
): Promise<void> {
  const { method, gate, meter, beginTrace, request } = options;
  // Told at once, as a stream may have nothing else to say for long.
  const open = openCall(call, beginTrace, (revision) => call.tellRevision(revision));
  meter?.onStarted();
  const unregister = options.openStreams.add((reason) => open.abort(reason));
  try {
    await gate(open);
    const outlet = {
      call,
      output: method.output,
      bytesMax: options.sendMessageBytes,
      open,
      meter,
      onLateFailure: (thrown: unknown) => logLateFailure(thrown, methodPath(method), options.log),
    };
    await open.run(() => sendResponses(start(open), outlet));
    tell(options, method, open, { request });
    call.end(open.revision);
  } catch (error) {
    const status = failureStatus(error, methodPath(method), options);
    tell(options, method, open, { request, error });
    call.fail(status);
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
  { onFinished, log }: Pick<AnswerOptions, "onFinished" | "log">,
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
