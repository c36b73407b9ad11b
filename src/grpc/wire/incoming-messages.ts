// The requests of a call, out of the data of its stream: the one that it has, or those of a stream, each taken only
// when it is asked for. Must not know what is answered.

import { StoreError } from "../../errors.ts";
import type { Http2Stream } from "../../http2/stream.ts";
import { decompress } from "./decompress.ts";
import { MessageReader, PREFIX_BYTES, type RawMessage } from "./message-reader.ts";
import type { Encoding } from "./request-head.ts";
import type { WireTools } from "./tools.ts";

type Next = (result: IteratorResult<Buffer> | Promise<IteratorResult<Buffer>>) => void;

/** What the requests of a call are taken from, and how. */
export interface IncomingConfig {
  readonly stream: Http2Stream;
  readonly encoding: Encoding;
  /** Whether there may be any number of them; there must be one otherwise. */
  readonly isStream: boolean;
  readonly tools: Pick<WireTools, "limits" | "memory">;
}

/** The requests of a call. What it throws is a StoreError, and the call's answer. */
export class IncomingMessages {
  readonly #config: IncomingConfig;
  readonly #reader: MessageReader;
  /** Those that nobody has taken yet. */
  readonly #messages: RawMessage[] = [];
  /** Who waits for the next one. */
  #next: Next | undefined;
  /** What of a stream's data has not been given back to its window. */
  #heldBytes = 0;

  constructor(config: IncomingConfig) {
    this.#config = config;
    this.#reader = new MessageReader({
      bytesMax: config.tools.limits.receiveMessageBytes,
      memory: config.tools.memory,
      onMessage: (message) => this.#onMessage(message),
    });
  }

  /** @throws StoreError REQUEST_TOO_LARGE, INVALID_FIELD, NOT_SUPPORTED, OVERLOADED */
  read(bytes: Buffer, start: number, end: number): void {
    this.#heldBytes += end - start;
    this.#reader.read(bytes, start, end);
    // More of a message that is waited for can come only if there is room for it.
    if (this.#next || !this.#config.isStream) this.#giveWindow(this.#heldBytes);
  }

  /** No more comes. @throws StoreError INVALID_FIELD */
  end(): void {
    if (this.#reader.isWithin) throw new StoreError("INVALID_FIELD", "the request is cut off");
    this.#next?.({ done: true, value: undefined });
    this.#next = undefined;
  }

  /** The one that there must be, once all has come. @throws StoreError NOT_SUPPORTED */
  one(): Buffer | Promise<Buffer> {
    const [message] = this.#messages;
    if (!message) throw new StoreError("NOT_SUPPORTED", "the call has no request");
    return message.isCompressed ? this.#decompress(message) : message.bytes;
  }

  /** The next of a stream. */
  next(): Promise<IteratorResult<Buffer>> {
    const message = this.#messages.shift();
    if (message) {
      this.#config.tools.memory.giveBack(message.bytes.length);
      return this.#take(message);
    }
    if (this.#config.stream.isRemoteEnded) return Promise.resolve({ done: true, value: undefined });
    this.#giveWindow(this.#heldBytes);
    return new Promise((resolve) => {
      this.#next = resolve;
    });
  }

  /** Forgets what nobody has taken. */
  drop(): void {
    this.#reader.drop();
    if (this.#config.isStream) {
      for (const { bytes } of this.#messages) this.#config.tools.memory.giveBack(bytes.length);
    }
    this.#messages.length = 0;
  }

  #onMessage(message: RawMessage): void {
    const { isStream, tools } = this.#config;
    if (!isStream && this.#messages.length > 0) {
      throw new StoreError("NOT_SUPPORTED", "the call has more than one request");
    }
    if (this.#next) {
      this.#next(this.#take(message));
      this.#next = undefined;
      return;
    }
    // Of a stream, those that wait are as many as its window lets in.
    if (isStream) tools.memory.take(message.bytes.length);
    this.#messages.push(message);
  }

  async #take(message: RawMessage): Promise<IteratorResult<Buffer>> {
    this.#giveWindow(Math.min(this.#heldBytes, PREFIX_BYTES + message.bytes.length));
    return { value: message.isCompressed ? await this.#decompress(message) : message.bytes };
  }

  #giveWindow(bytes: number): void {
    this.#heldBytes -= bytes;
    if (bytes > 0) this.#config.stream.give(bytes);
  }

  #decompress({ bytes }: RawMessage): Promise<Buffer> {
    const { encoding, tools } = this.#config;
    return decompress(bytes, encoding, tools.limits.receiveMessageBytes);
  }
}
