// Header compression: the examples of RFC 7541 appendix C, lists at random to and from nghttp2, what is malformed,
// and that no block is remembered that means something else by now.

import { once } from "node:events";
import { type ClientHttp2Session, connect } from "node:http2";
import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import { ConnectionError } from "../../src/http2/connection-error.ts";
import { HeaderBlocks } from "../../src/http2/header-blocks.ts";
import { HeaderDecoder } from "../../src/http2/hpack/decoder.ts";
import { encodeFields } from "../../src/http2/hpack/encoder.ts";
import { decodeHuffman, encodeHuffman, huffmanBytes } from "../../src/http2/hpack/huffman.ts";
import { startEchoServer } from "./echo-server.ts";

const bytes = (hex: string) => Buffer.from(hex.replaceAll(" ", ""), "hex");

function decode(decoder: HeaderDecoder, block: Buffer): string[][] {
  const { fields } = decoder.decode(block, 0, block.length);
  return pairs(fields);
}

function pairs(fields: readonly string[]): string[][] {
  return fields.flatMap((name, at) => (at % 2 === 0 ? [[name, fields[at + 1] as string]] : []));
}

/** A table of 256 bytes, as the examples of responses have it. */
const SMALL_TABLE = "3fe101";

const REQUESTS = [
  [
    [":method", "GET"],
    [":scheme", "http"],
    [":path", "/"],
    [":authority", "www.example.com"],
  ],
  [
    [":method", "GET"],
    [":scheme", "http"],
    [":path", "/"],
    [":authority", "www.example.com"],
    ["cache-control", "no-cache"],
  ],
  [
    [":method", "GET"],
    [":scheme", "https"],
    [":path", "/index.html"],
    [":authority", "www.example.com"],
    ["custom-key", "custom-value"],
  ],
];
const RESPONSES = [
  [
    [":status", "302"],
    ["cache-control", "private"],
    ["date", "Mon, 21 Oct 2013 20:13:21 GMT"],
    ["location", "https://www.example.com"],
  ],
  [
    [":status", "307"],
    ["cache-control", "private"],
    ["date", "Mon, 21 Oct 2013 20:13:21 GMT"],
    ["location", "https://www.example.com"],
  ],
  [
    [":status", "200"],
    ["cache-control", "private"],
    ["date", "Mon, 21 Oct 2013 20:13:22 GMT"],
    ["location", "https://www.example.com"],
    ["content-encoding", "gzip"],
    ["set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"],
  ],
];

describe("the examples of RFC 7541", () => {
  test.each([
    [
      "C.3, requests",
      REQUESTS,
      [
        "828684410f7777772e6578616d706c652e636f6d",
        "828684be58086e6f2d6361636865",
        "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
      ],
    ],
    [
      "C.4, the same in Huffman code",
      REQUESTS,
      [
        "828684418cf1e3c2e5f23a6ba0ab90f4ff",
        "828684be5886a8eb10649cbf",
        "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
      ],
    ],
    [
      "C.5, responses, for which entries are evicted",
      RESPONSES,
      [
        `${SMALL_TABLE}4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e1768747470733a2f2f7777772e6578616d706c652e636f6d`,
        "4803333037c1c0bf",
        "88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31",
      ],
    ],
    [
      "C.6, the same in Huffman code",
      RESPONSES,
      [
        `${SMALL_TABLE}488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3`,
        "4883640effc1c0bf",
        "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
      ],
    ],
  ])("%s", (_, expected, blocks) => {
    const decoder = new HeaderDecoder(4_096);
    expect(blocks.map((block) => decode(decoder, bytes(block)))).toEqual(expected);
  });

  test("C.2: literals of each kind", () => {
    const decoder = new HeaderDecoder(4_096);
    expect(decode(decoder, bytes("040c2f73616d706c652f70617468"))).toEqual([
      [":path", "/sample/path"],
    ]);
    expect(decode(decoder, bytes("100870617373776f726406736563726574"))).toEqual([
      ["password", "secret"],
    ]);
    expect(decode(decoder, bytes("82"))).toEqual([[":method", "GET"]]);
    // None of them was added.
    expect(() => decode(decoder, bytes("be"))).toThrow(ConnectionError);
  });
});

test("every text comes back from Huffman code", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (raw) => {
      const text = Buffer.from(raw).toString("latin1");
      const code = Buffer.alloc(huffmanBytes(text));
      expect(encodeHuffman(text, code, 0)).toBe(code.length);
      expect(decodeHuffman(code, 0, code.length)).toBe(text);
    }),
    { examples: [[Uint8Array.from({ length: 256 }, (_, byte) => byte)]] },
  );
});

test.each([
  ["an index of nothing", "80"],
  ["an index beyond the table", "be"],
  ["a name beyond the table", "7f0001 61"],
  ["an integer that does not end", "ffffffffffffffffff"],
  ["an integer that is too large", "ff80808080808001"],
  ["a block that is cut off in an integer", "ff"],
  ["a text that is cut off", "400a6375"],
  ["a text without its value", "400161"],
  ["a table that is larger than was allowed", "3fe21f"],
  ["a table that is resized within a block", "8220"],
  ["the end symbol in a text", "4084ffffffff0161"],
  ["more padding than seven bits", "40821fff0161"],
  ["padding of zeros", "40811e0161"],
])("%s is an error of the connection", (_, block) => {
  const decoder = new HeaderDecoder(4_096);
  const { message, code } = catchError(() => decode(decoder, bytes(block)));
  expect({ message, code }).toEqual({ message: expect.any(String), code: 9 });
});

function catchError(run: () => unknown): ConnectionError {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(ConnectionError);
    return error as ConnectionError;
  }
  throw new Error("nothing was thrown");
}

test("whatever comes is read or refused, and at no cost beyond its length", () => {
  const decoder = new HeaderDecoder(16_384);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (raw) => {
      const block = Buffer.from(raw);
      try {
        const { fields, isTooLarge } = decoder.decode(block, 0, block.length);
        const listBytes = fields.reduce((sum, text) => sum + text.length + 16, 0);
        expect(isTooLarge || listBytes <= 16_384).toBe(true);
      } catch (error) {
        expect(error).toBeInstanceOf(ConnectionError);
      }
    }),
    { numRuns: 5_000 },
  );
});

test("a block of references to a large entry is no larger list than the limit", () => {
  const decoder = new HeaderDecoder(16_384);
  const large = Buffer.concat([bytes("400161 7fa11e"), Buffer.alloc(4_000, "x")]);
  expect(decode(decoder, large)).toHaveLength(1);
  const bomb = Buffer.alloc(16_000, 0xbe);
  const { fields, isTooLarge } = decoder.decode(bomb, 0, bomb.length);
  expect(isTooLarge).toBe(true);
  expect(fields.length / 2).toBe(4);
  // The table is as it was.
  expect(decode(decoder, bytes("be"))[0]?.[0]).toBe("a");
});

describe("a block that comes again", () => {
  const START = encodeFields([
    [":method", "POST"],
    [":scheme", "http"],
    [":path", "/"],
  ]);
  const read = (blocks: HeaderBlocks<string>, ...parts: Buffer[]) => {
    const block = Buffer.concat(parts);
    const read = blocks.read(block, 0, block.length);
    return read.kind === "request" ? read.head : read.kind;
  };
  /** A literal that is added to the table, with a name and a value of a byte. */
  const added = (name: string, value: string) =>
    Buffer.from(`\x40\x01${name}\x01${value}`, "latin1");
  const NEWEST = bytes("be");

  test("is read once, as long as the table stays", () => {
    let reads = 0;
    const blocks = new HeaderBlocks<string>(4_096, ({ fields }) => `${++reads}: ${fields}`);
    read(blocks, START, added("a", "1"));
    expect(read(blocks, START, NEWEST)).toBe("2: a,1");
    expect(read(blocks, START, NEWEST)).toBe("2: a,1");
    expect(reads).toBe(2);
  });

  test("means what the table says by then: after an addition, an eviction, a resize", () => {
    const blocks = new HeaderBlocks<string>(4_096, ({ fields }) => fields.join());
    read(blocks, START, added("a", "1"));
    expect(read(blocks, START, NEWEST)).toBe("a,1");
    read(blocks, START, added("b", "2"));
    expect(read(blocks, START, NEWEST)).toBe("b,2");
    // Trailers, and the fields of streams that are over, change the table too.
    blocks.readFields(added("c", "3"), 0, 5);
    expect(read(blocks, START, NEWEST)).toBe("c,3");
    // An entry that is larger than the table empties it: nothing is added.
    const huge = Buffer.concat([bytes("400164 7fa11f"), Buffer.alloc(4_128, "x")]);
    blocks.readFields(huge, 0, huge.length);
    expect(() => read(blocks, START, NEWEST)).toThrow(ConnectionError);
  });

  test("is not remembered past a resize that evicts", () => {
    const blocks = new HeaderBlocks<string>(4_096, ({ fields }) => fields.join());
    read(blocks, START, added("a", "1"));
    expect(read(blocks, START, NEWEST)).toBe("a,1");
    read(blocks, bytes("20"), START);
    expect(() => read(blocks, START, NEWEST)).toThrow(ConnectionError);
  });

  test("is one of few that are remembered", () => {
    const blocks = new HeaderBlocks<object>(4_096, () => ({}));
    const of = (index: number) => {
      const block = encodeFields([
        [":method", "POST"],
        [":scheme", "http"],
        [":path", `/${index}`],
      ]);
      const read = blocks.read(block, 0, block.length);
      return read.kind === "request" ? read.head : undefined;
    };
    const first = of(0);
    expect(of(0)).toBe(first);
    for (let index = 1; index < 200; index++) of(index);
    expect(of(0)).not.toBe(first);
  });
});

test("lists at random go to nghttp2 and come from it as they are", async () => {
  const seen: string[][][] = [];
  const { port, close } = await startEchoServer({}, (stream, { fields }) => {
    seen.push(pairs(fields));
    const own = pairs(fields).map(([name = "", value = ""]) => [name, value] as const);
    stream.end(encodeFields([[":status", "200"], ...own]));
  });
  onTestFinished(close);
  const session = connect(`http://127.0.0.1:${port}`);
  onTestFinished(() => session.destroy());
  // Few names and values, so that most of them come again; some are large, so that others are evicted.
  const name = fc.constantFrom("a", "bb", "x-ccc", "etag", "accept", "x-large");
  const value = fc.oneof(
    fc.constantFrom("", "1", "gzip", "some value", "x".repeat(1_500), "\u00e9\u00ff"),
    fc.stringMatching(/^[!-~]{1,20}$/),
  );
  const list = fc.uniqueArray(fc.tuple(name, value), { selector: ([key]) => key, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(list, async (fields) => {
      const echoed = await exchange(session, Object.fromEntries(fields));
      expect(Object.fromEntries(seen.at(-1) ?? [])).toEqual(Object.fromEntries(fields));
      expect(echoed).toEqual(Object.fromEntries(fields));
    }),
    { numRuns: 400 },
  );
});

async function exchange(session: ClientHttp2Session, fields: Record<string, string>) {
  const stream = session.request({ ":method": "POST", ":path": "/", ...fields });
  stream.resume();
  const [response] = (await once(stream, "response")) as [Record<string, string>];
  const { ":status": _, ...rest } = response;
  return Object.fromEntries(Object.entries(rest));
}
