// The certificates of a server, read from files, and read again when they change.
// Must not know connections: those that are open keep what they began with.

import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createSecureContext, type SecureContextOptions } from "node:tls";
import type { TlsConfig } from "../config.ts";
import { StoreError } from "../errors.ts";
import type { Log } from "../observe/log.ts";
import { rereadOnChange } from "../observe/reread.ts";

/** Older versions are broken; it is Node's default too, unless a flag of Node's says otherwise. */
const OLDEST_VERSION = "TLSv1.2";

/**
 * What TLS is to be done with.
 * @throws StoreError INVALID_CONFIG, with the file, if that cannot be read or used.
 */
export function readTls({ certificate, key, clientCa }: TlsConfig): SecureContextOptions {
  const context: SecureContextOptions = {
    minVersion: OLDEST_VERSION,
    cert: readFile(certificate),
    key: readFile(key),
    ...(clientCa !== undefined && { ca: readCertificates(clientCa) }),
  };
  try {
    createSecureContext(context);
  } catch (cause) {
    throw unusable(`${certificate} and ${key}`, "they are not a certificate and its key", cause);
  }
  return context;
}

/** Runs `replace` with what the files hold whenever they change; the result ends that. */
export function watchTls(
  config: TlsConfig,
  replace: (context: SecureContextOptions) => void,
  log: Log,
): () => void {
  const files = Object.values(config).filter((file) => file !== undefined);
  // Certificate and key are two files: between their changes they do not fit.
  return rereadOnChange(files, () => replace(readTls(config)), "the certificates", log);
}

/** A file with no certificate in it would trust nobody, without a word. */
function readCertificates(file: string): Buffer {
  const pem = readFile(file);
  try {
    new X509Certificate(pem);
  } catch (cause) {
    throw unusable(file, "it has no certificate", cause);
  }
  return pem;
}

function readFile(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw unusable(file, "it cannot be read", cause);
  }
}

function unusable(what: string, reason: string, cause: unknown): StoreError {
  return new StoreError("INVALID_CONFIG", `cannot use ${what} for TLS: ${reason}`, { cause });
}
