// Messages that came compressed.
// Must not know calls.

import { promisify } from "node:util";
import { gunzip, inflate } from "node:zlib";
import { StoreError } from "../../errors.ts";
import type { Encoding } from "./request-head.ts";

const inflateBy = { gzip: promisify(gunzip), deflate: promisify(inflate) };

/**
 * The message, which is made no larger than `bytesMax`.
 * @throws StoreError REQUEST_TOO_LARGE, INVALID_FIELD
 */
export async function decompress(
  bytes: Buffer,
  encoding: Encoding,
  bytesMax: number,
): Promise<Buffer> {
  if (encoding === "identity") {
    throw new StoreError("INVALID_FIELD", "the request is compressed, and it is not said how");
  }
  try {
    return await inflateBy[encoding](bytes, { maxOutputLength: Math.max(bytesMax, 1) });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") {
      throw new StoreError("REQUEST_TOO_LARGE", `the request has more than ${bytesMax} bytes`);
    }
    const message = "the request cannot be decompressed";
    throw new StoreError("INVALID_FIELD", message, { cause });
  }
}
