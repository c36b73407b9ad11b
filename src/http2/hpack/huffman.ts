// Texts in the Huffman code of HPACK, RFC 7541 section 5.2: read by a table, four bits at a step.
// Must not know where in a header block they stand.

import { ConnectionError } from "../connection-error.ts";
import { ErrorCode } from "../protocol.ts";
import { CODE_LENGTHS, CODES, END_SYMBOL } from "./huffman-code.ts";

const STEP_BITS = 4;
const STEPS = 1 << STEP_BITS;

/** What a step does, in the bits of its entry beside the byte that it writes and the state after it. */
const WRITES = 1 << 16;
const FAILS = 1 << 17;
/** Whether a text may end there: what is over are at most seven bits of the end symbol's code. */
const MAY_END = 1 << 18;

/** The entries of each state: it is the number of a node of the code's tree, of which the root is 0. */
const TABLE = makeTable();

/** A text of `length` bytes takes at most 8/5 of that: the shortest code has five bits. */
let scratch: Buffer = Buffer.allocUnsafeSlow(8 * 1024);

/**
 * The text that the bytes from `start` to `end` are the code of.
 * @throws ConnectionError COMPRESSION_ERROR if they are of none.
 */
export function decodeHuffman(bytes: Uint8Array, start: number, end: number): string {
  const most = Math.floor(((end - start) * 8) / 5);
  if (scratch.length < most) scratch = Buffer.allocUnsafeSlow(most);
  let [state, written] = [0, 0];
  let entry = MAY_END;
  for (let at = start; at < end; at++) {
    const byte = bytes[at] as number;
    const first = TABLE[state * STEPS + (byte >> STEP_BITS)] as number;
    if (first & WRITES) scratch[written++] = first & 0xff;
    entry = TABLE[((first >> 8) & 0xff) * STEPS + (byte & (STEPS - 1))] as number;
    if (entry & WRITES) scratch[written++] = entry & 0xff;
    if ((first | entry) & FAILS) throw malformed();
    state = (entry >> 8) & 0xff;
  }
  if (!(entry & MAY_END)) throw malformed();
  return scratch.toString("latin1", 0, written);
}

/** How many bytes the code of a text takes, each of whose characters is a byte. */
export function huffmanBytes(text: string): number {
  let bits = 0;
  for (let at = 0; at < text.length; at++)
    bits += CODE_LENGTHS[text.charCodeAt(at) & 0xff] as number;
  return (bits + 7) >> 3;
}

/** Writes the code of a text at `start`; returns where it ends. */
export function encodeHuffman(text: string, into: Uint8Array, start: number): number {
  let at = start;
  // At most 7 bits wait and 30 come: more than shifts can do, and no trouble for a number.
  let [bits, waiting] = [0, 0];
  for (let index = 0; index < text.length; index++) {
    const symbol = text.charCodeAt(index) & 0xff;
    const length = CODE_LENGTHS[symbol] as number;
    bits = bits * 2 ** length + (CODES[symbol] as number);
    for (waiting += length; waiting >= 8; at++) {
      waiting -= 8;
      const byte = Math.floor(bits / 2 ** waiting);
      into[at] = byte;
      bits -= byte * 2 ** waiting;
    }
  }
  if (waiting === 0) return at;
  const rest = 8 - waiting;
  into[at] = (bits << rest) | ((1 << rest) - 1);
  return at + 1;
}

interface Node {
  readonly state: number;
  readonly children: (Node | number | undefined)[];
  /** Whether the way to it is at most seven bits of the end symbol's code. */
  readonly mayEnd: boolean;
}

function makeTree(): readonly Node[] {
  const root: Node = { state: 0, children: [], mayEnd: true };
  const nodes = [root];
  for (const [symbol, code] of CODES.entries()) {
    const length = CODE_LENGTHS[symbol] as number;
    let node = root;
    for (let bit = length - 1; bit > 0; bit--) {
      const branch = (code >> bit) & 1;
      let next = node.children[branch];
      if (next === undefined) {
        const depth = length - bit;
        const mayEnd = depth < 8 && code >> bit === (1 << depth) - 1;
        next = { state: nodes.length, children: [], mayEnd };
        node.children[branch] = next;
        nodes.push(next);
      }
      node = next as Node;
    }
    node.children[code & 1] = symbol;
  }
  return nodes;
}

function makeTable(): Uint32Array {
  const nodes = makeTree();
  const table = new Uint32Array(nodes.length * STEPS);
  for (const { state } of nodes) {
    for (let step = 0; step < STEPS; step++) table[state * STEPS + step] = walk(nodes, state, step);
  }
  return table;
}

function walk(nodes: readonly Node[], from: number, step: number): number {
  let node = nodes[from] as Node;
  let result = 0;
  for (let bit = STEP_BITS - 1; bit >= 0; bit--) {
    const next = node.children[(step >> bit) & 1];
    if (next === undefined || next === END_SYMBOL) return FAILS;
    if (typeof next === "number") {
      result |= WRITES | next;
      node = nodes[0] as Node;
    } else node = next;
  }
  return result | (node.state << 8) | (node.mayEnd ? MAY_END : 0);
}

function malformed(): ConnectionError {
  return new ConnectionError(ErrorCode.COMPRESSION_ERROR, "a text in Huffman code is malformed");
}
