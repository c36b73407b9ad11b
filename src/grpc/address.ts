// Reads the address to listen at, and says in one line why it is of no use.
// Listens only to try it out; who stays is in listener.ts.

import { lookup } from "node:dns/promises";
import { once } from "node:events";
import { statSync, unlinkSync } from "node:fs";
import { connect, createServer, isIPv6, type ListenOptions } from "node:net";
import { dirname } from "node:path";
import type { Config } from "../config.ts";
import { StoreError } from "../errors.ts";
import { readTls } from "./tls.ts";

const TCP = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:/[\]]+)):(\d{1,5})$/;
const UNIX = /^unix:(?:\/\/(?=\/))?([^\0]+)$/;

/** As long as the path of a socket may be on every system, in bytes. */
const SOCKET_PATH_BYTES = 103;

/** Where to listen: a port of a host, or the path of a socket. */
export type Address = { readonly host: string; readonly port: number } | { readonly path: string };

/**
 * The parts of `address`: `host:port`, an IPv6 host in brackets, or `unix:PATH`.
 * @throws StoreError INVALID_CONFIG if it is neither.
 */
export function parseAddress(address: string): Address {
  const path = UNIX.exec(address)?.[1];
  if (path !== undefined && !path.startsWith("//")) return { path: checkPath(address, path) };
  const [, six, host = six, port] = TCP.exec(address) ?? [];
  if (path === undefined && host !== undefined && Number(port) <= 65_535) {
    return { host, port: Number(port) };
  }
  throw new StoreError(
    "INVALID_CONFIG",
    `"${address}" is not an address: it must be like 127.0.0.1:50051, [::1]:50051 or unix:PATH`,
  );
}

function checkPath(address: string, path: string): string {
  if (Buffer.byteLength(path) <= SOCKET_PATH_BYTES) return path;
  const reason = `the path of a socket has at most ${SOCKET_PATH_BYTES} bytes`;
  throw new StoreError("INVALID_CONFIG", `cannot listen on ${address}: ${reason}`);
}

const REMEDY = "give --tls-cert and --tls-key, or --insecure if that is meant";

/** Where a server listens, and who can read what it says there. */
export interface Place extends Pick<Config, "address" | "tls" | "insecure"> {
  /** What to do where others could read along. */
  readonly remedy?: string;
}

/**
 * What to listen at: each address of a host that has several.
 * @throws StoreError INVALID_CONFIG, also if others could read there what is not encrypted.
 */
export async function resolvePlaces(place: Place): Promise<readonly Address[]> {
  const { address, remedy = REMEDY } = place;
  const parsed = parseAddress(address);
  if ("path" in parsed) return [parsed];
  const found = await lookup(parsed.host, { all: true }).catch((error) => {
    throw listenError(address, error);
  });
  const addresses = found.map(({ address: host }) => ({ host, port: parsed.port }));
  if (!place.tls && !place.insecure && addresses.some(isPublic)) {
    throw new StoreError(
      "INVALID_CONFIG",
      `cannot listen on ${address} without TLS: others could read along and call; ${remedy}`,
    );
  }
  return addresses;
}

/** Whether other machines can connect to an address, which has a host by its number. */
export function isPublic(address: Address): boolean {
  if ("path" in address) return false;
  const { host } = address;
  const isLoopback = isIPv6(host)
    ? host === "::1" || host.startsWith("::ffff:127.")
    : host.startsWith("127.");
  return !isLoopback;
}

/**
 * Makes sure that a server could listen at the place now; a socket that nobody listens at any more
 * is removed.
 * @throws StoreError INVALID_CONFIG
 */
export async function tryPlace(place: Place): Promise<void> {
  const { address, tls } = place;
  const addresses = await resolvePlaces(place);
  if (tls) readTls(tls);
  try {
    for (const each of addresses) {
      if (!("path" in each)) continue;
      // Node calls that EACCES.
      if (!isFolder(dirname(each.path))) throw listenError(address, "ENOENT");
      await removeStaleSocket(address, each.path);
    }
    // As when it listens: of the addresses of a host, one is enough.
    await Promise.any(addresses.map(tryListening)).catch((error: unknown) => {
      throw error instanceof AggregateError ? error.errors[0] : error;
    });
  } catch (error) {
    throw error instanceof StoreError ? error : listenError(address, error);
  }
}

async function tryListening(options: ListenOptions): Promise<void> {
  const server = createServer((socket) => socket.destroy());
  await once(server.listen({ ...options, exclusive: true }), "listening");
  server.close();
  await once(server, "close");
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

async function removeStaleSocket(address: string, path: string): Promise<void> {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found) return;
  if (!found.isSocket()) {
    const reason = "there is a file of that name, which is not a socket";
    throw new StoreError("INVALID_CONFIG", `cannot listen on ${address}: ${reason}`);
  }
  if (await isAnswered(path)) throw listenError(address, "EADDRINUSE");
  // Another server may have taken it over by now.
  if (statSync(path, { throwIfNoEntry: false })?.ino === found.ino) unlinkSync(path);
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.on("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ECONNREFUSED" || error.code === "ENOENT") resolve(false);
      else reject(error);
    });
  });
}

const REASONS: readonly (readonly [RegExp, string])[] = [
  [/EADDRINUSE/, "the port is in use"],
  [/EACCES|EPERM/, "this user may not use the port"],
  [/EADDRNOTAVAIL/, "this machine does not have that address"],
  [/ENOTFOUND|EAI_AGAIN|Name resolution failed/, "there is no such host"],
  [/ENOENT|ENOTDIR/, "there is no such folder"],
  [/EROFS/, "the file system is read-only"],
];

/** Why the server cannot listen at `address`, as an INVALID_CONFIG. */
export function listenError(address: string, cause: unknown): StoreError {
  const text = String(cause);
  const known = REASONS.find(([pattern]) => pattern.test(text))?.[1] ?? "the system refused it";
  const reason = address.startsWith("unix:") ? known.replace("port", "socket") : known;
  return new StoreError("INVALID_CONFIG", `cannot listen on ${address}: ${reason}`, { cause });
}
