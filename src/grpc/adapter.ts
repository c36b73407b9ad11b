// Turns methods into what grpc-js serves: the only place where handlers meet that transport.
// Must not know what answers a call: that is in answer.ts.

import type {
  handleBidiStreamingCall,
  handleClientStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  ServiceDefinition,
  UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { type Answering, methodPath } from "./answer.ts";
import { bidiStreamCall, clientStreamCall, serverStreamCall, unaryCall } from "./library-call.ts";
import type { Method } from "./transport.ts";

/**
 * What `Server.addService` takes for methods of any services; messages cross grpc-js as bytes, so that our
 * errors reach the client.
 */
export function adaptMethods(
  methods: readonly Method[],
): [definition: ServiceDefinition, implementation: UntypedServiceImplementation] {
  const definition: Record<string, ServiceDefinition[string]> = {};
  const implementation: UntypedServiceImplementation = {};
  for (const { handler, answering } of methods) {
    const path = methodPath(handler.method);
    definition[path] = {
      path,
      requestStream: handler.kind === "client_streaming" || handler.kind === "bidi_streaming",
      responseStream: handler.kind === "server_streaming" || handler.kind === "bidi_streaming",
      requestSerialize: asIs,
      requestDeserialize: asIs,
      responseSerialize: asIs,
      responseDeserialize: asIs,
    };
    implementation[path] = implementationOf(answering);
  }
  return [definition, implementation];
}

type Implementation = UntypedServiceImplementation[string];

function implementationOf(answering: Answering): Implementation {
  switch (answering.kind) {
    case "unary": {
      const { answer } = answering;
      const implement: handleUnaryCall<Buffer, Buffer> = (call, answered) =>
        void answer(unaryCall(call, answered));
      return implement as Implementation;
    }
    case "server_streaming": {
      const { answer } = answering;
      const implement: handleServerStreamingCall<Buffer, Buffer> = (call) =>
        void answer(serverStreamCall(call));
      return implement as Implementation;
    }
    case "client_streaming": {
      const { answer } = answering;
      const implement: handleClientStreamingCall<Buffer, Buffer> = (call, answered) =>
        void answer(clientStreamCall(call, answered));
      return implement as Implementation;
    }
    case "bidi_streaming": {
      const { answer } = answering;
      const implement: handleBidiStreamingCall<Buffer, Buffer> = (call) =>
        void answer(bidiStreamCall(call));
      return implement as Implementation;
    }
  }
}

function asIs(bytes: Buffer): Buffer {
  return bytes;
}
