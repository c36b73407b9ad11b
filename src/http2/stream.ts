// A stream: what its user may do with it, and what is kept of it.
// Must not write frames: the connection's sender does.

import type { ErrorCode } from "./protocol.ts";
import {
  AFTER_LOCAL_END,
  AFTER_REMOTE_END,
  isLocalOpen,
  isRemoteOpen,
  type StreamState,
} from "./stream-state.ts";

/** What the user of a stream is told. It must not throw. */
export interface StreamListener {
  /** Some of what the client sends: the bytes from `start` to `end`, which nobody else writes to. */
  onData(bytes: Buffer, start: number, end: number): void;
  /** The client has sent all. */
  onEnd(): void;
  /** There is room to send more again. */
  onRoom(): void;
  /** Nothing more comes or goes; told once. */
  onClose(): void;
}

/** What waits to be sent. */
export type Pending =
  | { readonly kind: "fields"; readonly block: Buffer; readonly isEnd: boolean }
  | { readonly kind: "data"; readonly bytes: Buffer; sent: number };

/** What sends for streams. */
export interface StreamSender {
  fields(stream: Http2Stream, block: Buffer, isEnd: boolean): void;
  data(stream: Http2Stream, head: Buffer, body: Buffer): void;
  respond(stream: Http2Stream, fields: Buffer, head: Buffer, body: Buffer, trailers: Buffer): void;
}

/** What a stream needs of its connection. */
export interface StreamOwner {
  readonly sender: StreamSender;
  /** Gives the client room to send so much more. */
  giveWindow(stream: Http2Stream, bytes: number): void;
  reset(stream: Http2Stream, code: ErrorCode): void;
  /** The last frame of ours is on its way. */
  onLocalEnd(stream: Http2Stream): void;
}

/** A stream that a client has opened. */
export class Http2Stream {
  readonly id: number;
  readonly owner: StreamOwner;
  listener: StreamListener | undefined;
  state: StreamState = "open";
  /** Section 6.9: how much may be sent, and how much may come. */
  sendWindow: number;
  receiveWindow: number;
  /** What has been read and not yet been given back to the window. */
  readBytes = 0;
  /** Section 8.1.1: what is to come yet, if the client has said how much. */
  contentBytes: number | undefined;
  readonly pending: Pending[] = [];
  /** The bytes of DATA that wait, and those that have been sent. */
  pendingBytes = 0;
  sentBytes = 0;
  /** Whether the sender has it in one of its lines. */
  isQueued = false;

  constructor(id: number, owner: StreamOwner, windows: { send: number; receive: number }) {
    this.id = id;
    this.owner = owner;
    this.sendWindow = windows.send;
    this.receiveWindow = windows.receive;
  }

  /** Whether the client has sent all. */
  get isRemoteEnded(): boolean {
    return !isRemoteOpen(this.state);
  }

  /** Whether nothing can be sent any more. */
  get isLocalEnded(): boolean {
    return !isLocalOpen(this.state);
  }

  endRemote(): void {
    this.state = AFTER_REMOTE_END[this.state];
  }

  endLocal(): void {
    this.state = AFTER_LOCAL_END[this.state];
  }

  /** Sends fields in front of data. */
  sendFields(block: Buffer): void {
    if (!this.isLocalEnded) this.owner.sender.fields(this, block, false);
  }

  /** Sends `head` and then `body`, neither of which may be changed any more but `head`, once this returns. */
  sendData(head: Buffer, body: Buffer): void {
    if (!this.isLocalEnded) this.owner.sender.data(this, head, body);
  }

  /** Sends fields and ends: after data they are trailers, and otherwise all of the answer. */
  end(block: Buffer): void {
    if (!this.isLocalEnded) this.owner.sender.fields(this, block, true);
  }

  /** The same as sendFields, sendData and end, in one. */
  respond(fields: Buffer, head: Buffer, body: Buffer, trailers: Buffer): void {
    if (!this.isLocalEnded) this.owner.sender.respond(this, fields, head, body, trailers);
  }

  /** The user has read so many bytes, and more may come. */
  give(bytes: number): void {
    this.owner.giveWindow(this, bytes);
  }

  /** Ends the stream at once. */
  reset(code: ErrorCode): void {
    if (this.state !== "closed") this.owner.reset(this, code);
  }
}
