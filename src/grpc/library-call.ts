// A call as grpc-js gives it, in the form of those who answer it.
// Must decide nothing: it only names what grpc-js names otherwise.

import type { PeerCertificate } from "node:tls";
import {
  Metadata,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
} from "@grpc/grpc-js";
import { REVISION_KEY } from "./call.ts";
import { type CallStatus, STATUS_DETAILS_KEY } from "./error-status.ts";
import type {
  AnswerCall,
  AnswerStreamCall,
  RequestCall,
  RequestStreamCall,
} from "./transport-call.ts";

type Unary = ServerUnaryCall<Buffer, Buffer>;
type ServerStream = ServerWritableStream<Buffer, Buffer>;
type ClientStream = ServerReadableStream<Buffer, Buffer>;
type BidiStream = ServerDuplexStream<Buffer, Buffer>;
type Answered = sendUnaryData<Buffer>;

/** A response of this size is on its way before the next one is asked for. */
const LARGE_RESPONSE_BYTES = 16 * 1024;

/** A unary call. */
export function unaryCall(call: Unary, answered: Answered): RequestCall & AnswerCall {
  return new LibraryCall(call, answered);
}

/** A call of a server stream. */
export function serverStreamCall(call: ServerStream): RequestCall & AnswerStreamCall {
  return new LibraryCall(call);
}

/** A call of a client stream. */
export function clientStreamCall(
  call: ClientStream,
  answered: Answered,
): RequestStreamCall & AnswerCall {
  return new LibraryCall(call, answered);
}

/** A call of a bidirectional stream. */
export function bidiStreamCall(call: BidiStream): RequestStreamCall & AnswerStreamCall {
  return new LibraryCall(call);
}

/** What grpc-js gives of a call of any kind, and what only those of some kinds have. */
interface Raw extends Pick<Unary, "cancelled" | "metadata" | "getPeer" | "getHost"> {
  getAuthContext(): { readonly sslPeerCertificate?: PeerCertificate };
  getDeadline(): Date | number;
  sendMetadata(metadata: Metadata): void;
  on(event: "cancelled", listener: () => void): unknown;
  off(event: "cancelled", listener: () => void): unknown;
}

/** A call of any kind: which of its methods may be used, say the functions above. */
class LibraryCall implements RequestCall, RequestStreamCall, AnswerCall, AnswerStreamCall {
  readonly #call: Raw;
  readonly #answered: Answered | undefined;

  constructor(call: Raw, answered?: Answered) {
    this.#call = call;
    this.#answered = answered;
  }

  get peer(): string {
    return this.#call.getPeer();
  }

  get authority(): string {
    return this.#call.getHost();
  }

  metadata(key: string): readonly (string | Uint8Array)[] {
    return this.#call.metadata.get(key);
  }

  get certificateName(): string | undefined {
    const name = this.#call.getAuthContext().sslPeerCertificate?.subject.CN;
    // A subject may have several: then it is none that anybody was given a role by.
    return typeof name === "string" ? name : undefined;
  }

  get deadlineMs(): number | undefined {
    const deadlineMs = Number(this.#call.getDeadline());
    return Number.isFinite(deadlineMs) ? deadlineMs : undefined;
  }

  /** What grpc-js calls cancelled is also every call whose answer is sent. */
  get isOver(): boolean {
    return this.#call.cancelled;
  }

  onOver(listener: () => void): void {
    this.#call.on("cancelled", listener);
  }

  offOver(listener: () => void): void {
    this.#call.off("cancelled", listener);
  }

  get request(): Buffer {
    return (this.#call as Unary | ServerStream).request;
  }

  requests(): AsyncIterator<Buffer> {
    const call = this.#call as unknown as ClientStream | BidiStream;
    const allowRead = readOnDemand(call);
    const requests: AsyncIterator<Buffer> = call.iterator({ destroyOnReturn: false });
    return {
      next() {
        allowRead();
        return requests.next();
      },
      return: () => requests.return?.() ?? Promise.resolve({ done: true, value: undefined }),
    };
  }

  answer(message: Buffer, revision: bigint | undefined): void {
    this.#call.sendMetadata(metadataOf(revision));
    this.#answered?.(null, message);
  }

  /** grpc-js sends them only once. */
  tellRevision(revision: bigint): void {
    this.#call.sendMetadata(metadataOf(revision));
  }

  send(message: Buffer): Promise<void> | undefined {
    const call = this.#call as unknown as ServerStream | BidiStream;
    let room = true;
    // `write` counts messages, not bytes: waiting for large ones bounds what a slow reader holds.
    const flushed = new Promise<void>((resolve) => {
      room = call.write(message, () => resolve()) && message.length < LARGE_RESPONSE_BYTES;
    });
    return room ? undefined : flushed;
  }

  end(revision: bigint | undefined): void {
    (this.#call as unknown as ServerStream | BidiStream).end(metadataOf(revision));
  }

  fail(status: CallStatus): void {
    const failure = statusOf(status);
    if (this.#answered) {
      this.#answered(failure);
      return;
    }
    const call = this.#call as unknown as ServerStream | BidiStream;
    // A call that is over takes no status.
    if (!call.cancelled) call.emit("error", failure);
  }
}

function metadataOf(revision: bigint | undefined): Metadata {
  const metadata = new Metadata();
  if (revision !== undefined) metadata.set(REVISION_KEY, String(revision));
  return metadata;
}

function statusOf({ code, message, details }: CallStatus) {
  const metadata = new Metadata();
  metadata.set(STATUS_DETAILS_KEY, Buffer.from(details));
  return { code, details: message, metadata };
}

/**
 * Keeps a stream from reading ahead, which it would for 16 requests of up to four megabytes each;
 * every call of the result lets it read one, or the end.
 */
function readOnDemand(call: ClientStream | BidiStream): () => void {
  const read = call._read.bind(call);
  let allowed = 0;
  let waiting = false;
  const readAllowed = () => {
    if (!waiting || allowed === 0) return;
    allowed -= 1;
    waiting = false;
    read(0);
  };
  call._read = () => {
    waiting = true;
    readAllowed();
  };
  return () => {
    allowed += 1;
    readAllowed();
  };
}
