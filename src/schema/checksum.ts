// The checksum beside the bytes of a row: what is served is what was written, in the row and at the
// revision that it was written for. Computes; what follows from a difference is decided elsewhere.

import { crc32 } from "node:zlib";

/**
 * Keys enter by their remainder, as a sum of three large numbers would be beyond 64 bits. A prime, so
 * that no bit of the key is without effect.
 */
const KEY_MODULUS = 2_147_483_647n;

/** The number that is stored with these bytes. */
export function checksumOf(wire: Uint8Array, key: bigint, revision: bigint): bigint {
  return BigInt(crc32(wire)) + revision + (key % KEY_MODULUS);
}

/**
 * SQL for the CRC-32 that the bytes of a row must have; NULL if it has no checksum, and then its bytes
 * are not to be trusted. It is cheaper than to read all three numbers of each row.
 */
export function expectedCrc(table: string, key: string): string {
  return `${table}.checksum - ${table}.revision - ${table}.${key} % ${KEY_MODULUS}`;
}

/** True if the bytes have this CRC-32; false for what is not bytes at all. */
export function hasCrc(wire: unknown, crc: unknown): wire is Uint8Array {
  return wire instanceof Uint8Array && typeof crc === "bigint" && BigInt(crc32(wire)) === crc;
}
