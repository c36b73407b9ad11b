// What the commands that ask a running server have in common: how they reach it and prove who they are,
// and what they say if they cannot. They never open the database file.

import { readFileSync } from "node:fs";
import { Command, Option } from "commander";
import type { Connection } from "../client/client.ts";
import { StoreError } from "../errors.ts";
import { parseAddress } from "../grpc/address.ts";
import { addressOption } from "./shared-options.ts";

/** How a server is reached. */
export interface ServerOptions {
  readonly address: string;
  readonly tlsCa?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tokenFile?: string;
}

/** A command with the options of `ServerOptions`. */
export function serverCommand(name: string): Command {
  return new Command(name)
    .addOption(addressOption())
    .addOption(
      new Option("--tls-ca <file>", "whose certificate the server must have, in PEM").env(
        "PROTOSTORE_TLS_CA",
      ),
    )
    .addOption(new Option("--tls-cert <file>", "the certificate to show it, in PEM"))
    .addOption(new Option("--tls-key <file>", "the key of that, in PEM"))
    .addOption(
      new Option("--token-file <file>", "the file with the token to show it").env(
        "PROTOSTORE_TOKEN_FILE",
      ),
    );
}

/**
 * What `ask` gets from the server.
 * @throws StoreError DATABASE_UNAVAILABLE with what it says, or if none answers; INVALID_CONFIG for a
 * file that cannot be read.
 */
export async function askServer<T>(
  options: ServerOptions,
  ask: (connection: Connection) => Promise<T>,
): Promise<T> {
  // The other commands need no client: what they load is time until a server serves.
  const { connect, RpcError } = await import("../client/client.ts");
  const { address, tlsCa, tlsCert, tlsKey, tokenFile } = options;
  parseAddress(address);
  const tls =
    tlsCa === undefined
      ? {}
      : {
          tls: {
            ca: read(tlsCa),
            ...(tlsCert !== undefined && { certificate: read(tlsCert) }),
            ...(tlsKey !== undefined && { key: read(tlsKey) }),
          },
        };
  const token = tokenFile !== undefined && { token: read(tokenFile).toString().trim() };
  const connection = connect(address, { ...tls, ...token });
  try {
    return await ask(connection);
  } catch (error) {
    if (!(error instanceof RpcError)) throw error;
    // A server of ours says more than a code; the words of the gRPC library are about its own parts.
    const reason = error.status === undefined ? "no server answers there" : error.message;
    throw new StoreError("DATABASE_UNAVAILABLE", `${address}: ${reason}`, { cause: error });
  } finally {
    connection.close();
  }
}

function read(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new StoreError("INVALID_CONFIG", `${file} cannot be read`, { cause });
  }
}
