// Bytes of a file that grows and shrinks: what it grows by is zero.
// Copies nothing that need not be copied: thousands of images are made of files of megabytes.

/** What is in a file. */
export interface Content {
  readonly size: number;
  /** The bytes themselves: they change with the content. */
  bytes(): Buffer;
  write(offset: number, data: Uint8Array): void;
  resize(size: number): void;
}

const ROOM_MIN = 64 * 1024;

/** A copy of `bytes`. */
export function createContent(bytes: Uint8Array): Content {
  let size = bytes.length;
  let room = Buffer.alloc(size + ROOM_MIN);
  room.set(bytes);

  function resize(to: number): void {
    if (to > room.length) {
      const larger = Buffer.alloc(Math.max(to, room.length * 2));
      room.copy(larger, 0, 0, size);
      room = larger;
    }
    // What is cut off must be zero if the file grows again.
    if (to < size) room.fill(0, to, size);
    size = to;
  }

  return {
    get size() {
      return size;
    },
    bytes: () => room.subarray(0, size),
    write(offset, data) {
      resize(Math.max(size, offset + data.length));
      room.set(data, offset);
    },
    resize,
  };
}
