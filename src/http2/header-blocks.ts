// Reads the header blocks of requests, and remembers what those mean that come again: most of a client's are the
// same bytes. Remembered are only blocks that changed no table, and only until the next one that does: the same
// bytes may mean something else then.

import { type FieldList, HeaderDecoder } from "./hpack/decoder.ts";
import { type Request, readRequest } from "./request.ts";

/** So many blocks of at most so many bytes are remembered. */
const BLOCKS_MAX = 64;
const BLOCK_BYTES_MAX = 512;

/** What a block means, to those who use the connection. */
export type HeaderBlock<Head> =
  | { readonly kind: "request"; readonly request: Request; readonly head: Head }
  | { readonly kind: "too large"; readonly fields: FieldList }
  | { readonly kind: "malformed" };

const MALFORMED = { kind: "malformed" } as const;

/** The blocks of a connection. */
export class HeaderBlocks<Head> {
  readonly #decoder: HeaderDecoder;
  readonly #readHead: (request: Request) => Head;
  readonly #known = new Map<string, HeaderBlock<Head>>();
  #knownVersion = 0;

  /** `readHead` is called once for a block that comes again: it must go by the request alone. */
  constructor(listBytesMax: number, readHead: (request: Request) => Head) {
    this.#decoder = new HeaderDecoder(listBytesMax);
    this.#readHead = readHead;
  }

  /** @throws ConnectionError COMPRESSION_ERROR */
  read(bytes: Buffer, start: number, end: number): HeaderBlock<Head> {
    if (end - start > BLOCK_BYTES_MAX) return this.#decode(bytes, start, end);
    const { version } = this.#decoder;
    if (version !== this.#knownVersion) {
      this.#known.clear();
      this.#knownVersion = version;
    }
    const key = bytes.toString("latin1", start, end);
    const known = this.#known.get(key);
    if (known) return known;
    const block = this.#decode(bytes, start, end);
    if (this.#decoder.version !== version) return block;
    if (this.#known.size >= BLOCKS_MAX) this.#known.clear();
    this.#known.set(key, block);
    return block;
  }

  /** Fields that are no request's: trailers, or those of a stream that is over. */
  readFields(bytes: Buffer, start: number, end: number): FieldList {
    return this.#decoder.decode(bytes, start, end).fields;
  }

  #decode(bytes: Buffer, start: number, end: number): HeaderBlock<Head> {
    const { fields, isTooLarge } = this.#decoder.decode(bytes, start, end);
    if (isTooLarge) return { kind: "too large", fields };
    const request = readRequest(fields);
    return request ? { kind: "request", request, head: this.#readHead(request) } : MALFORMED;
  }
}
