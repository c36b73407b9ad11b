// What `sslmode` and its files ask of a connection, with libpq's meaning of each.
// Must not connect.

import { readFile } from "node:fs/promises";
import type { ConnectionOptions } from "node:tls";
import { StoreError } from "../../errors.ts";
import type { Address } from "./address.ts";

/** How a connection is encrypted; `isOptional` says that it is not if the server cannot. */
export interface Encryption {
  readonly ssl: ConnectionOptions | false;
  readonly isOptional: boolean;
}

const MODES = ["disable", "prefer", "require", "verify-ca", "verify-full"] as const;

type Mode = (typeof MODES)[number];

/** Node's own list of authorities. */
const SYSTEM = "system";

/** Reads the files that the address names. @throws StoreError INVALID_CONFIG */
export async function readEncryption(address: Address): Promise<Encryption> {
  const { sslrootcert, sslcert, sslkey, sslpassword } = address;
  const mode = modeOf(address);
  if (mode === "disable") return { ssl: false, isOptional: false };
  if ((sslcert === undefined) !== (sslkey === undefined)) {
    throw new StoreError("INVALID_CONFIG", "sslcert and sslkey of the database need each other");
  }
  const [ca, cert, key] = await Promise.all(
    [sslrootcert === SYSTEM ? undefined : sslrootcert, sslcert, sslkey].map(
      (path) => path && readFile(path),
    ),
  );
  const ssl: ConnectionOptions = {
    ...checksOf(mode),
    ...(ca && { ca }),
    ...(cert && { cert }),
    ...(key && { key }),
    ...(sslpassword !== undefined && { passphrase: sslpassword }),
  };
  return { ssl, isOptional: mode === "prefer" };
}

function modeOf({ host = "", sslmode, sslrootcert }: Address): Mode {
  const mode = MODES.find((each) => each === (sslmode ?? "prefer"));
  if (!mode) {
    throw new StoreError(
      "INVALID_CONFIG",
      `sslmode of the database is none of ${MODES.join(", ")}`,
    );
  }
  // A socket of the machine is not encrypted.
  if (host.startsWith("/")) return "disable";
  const isSystem = sslrootcert === SYSTEM;
  if ((mode === "verify-ca" && !sslrootcert) || (isSystem && mode !== "verify-full")) {
    const reason = "anybody has a certificate of a public authority";
    throw new StoreError(
      "INVALID_CONFIG",
      `sslmode=${mode} needs an sslrootcert of its own: ${reason}`,
    );
  }
  return mode === "require" && sslrootcert !== undefined ? "verify-ca" : mode;
}

function checksOf(mode: Mode): ConnectionOptions {
  switch (mode) {
    case "verify-full":
      return {};
    case "verify-ca":
      return { checkServerIdentity: () => undefined };
    default:
      return { rejectUnauthorized: false };
  }
}
