// The CRC-32 of messages that stand one after the other, from that of each: one pass over all of them
// costs a third of a pass over each, as most of that is the call.
// The arithmetic is that of polynomials over GF(2), with the bits of a CRC-32 from high to low.

/** The polynomial of CRC-32, reflected, as zlib has it. */
const POLYNOMIAL = 0xedb88320 | 0;

/** The polynomial 1, and x^8: what a byte more multiplies by. */
const ONE = 0x80000000 | 0;
const ONE_BYTE = 0x00800000;

/** The lengths whose factors are kept: those of most messages. */
const KEPT_LENGTH_MAX = 4_096;

const factors: (number | undefined)[] = [];

/** The CRC-32 of what has `crc`, followed by `length` bytes that have `next`. */
export function joinCrc(crc: number, next: number, length: number): number {
  return (multiply(factorOf(length), crc) ^ next) >>> 0;
}

/** What `length` more bytes multiply a CRC by: x to the power of 8 times as much. */
function factorOf(length: number): number {
  if (length > KEPT_LENGTH_MAX) return power(length);
  let factor = factors[length];
  if (factor === undefined) {
    factor = power(length);
    factors[length] = factor;
  }
  return factor;
}

function power(length: number): number {
  let result = ONE;
  let square = ONE_BYTE;
  for (let rest = length; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result = multiply(square, result);
    square = multiply(square, square);
  }
  return result;
}

/** The product modulo the polynomial; the numbers are 32 bits with a sign, which is the fastest. */
function multiply(a: number, b: number): number {
  let product = 0;
  let shifted = b | 0;
  for (let bits = a | 0; bits !== 0; bits <<= 1) {
    product ^= shifted & (bits >> 31);
    shifted = (shifted >>> 1) ^ (POLYNOMIAL & -(shifted & 1));
  }
  return product;
}
