// `protostore status`: asks a running server how its database is.
// Is a client like any other: it never opens the database file.

import { toJsonString } from "@bufbuild/protobuf";
import { Command } from "commander";
import {
  DatabaseService,
  DatabaseStatusSchema,
} from "../../gen/protostore/v1/database_service_pb.ts";
import { StoreError } from "../errors.ts";
import { parseAddress } from "../grpc/address.ts";
import { addressOption } from "./shared-options.ts";

const TIMEOUT_MS = 5_000;

/** The command `status`; it throws StoreError DATABASE_UNAVAILABLE if no server answers. */
export function statusCommand(): Command {
  return new Command("status")
    .description("show connection, write-ahead log, schema and sizes of a running server")
    .addOption(addressOption())
    .addHelpText("after", "\nExample:\n  $ protostore status --address 127.0.0.1:50051")
    .action(runStatus);
}

/** A server of ours says more than a code; the words of the gRPC library are about its own parts. */
function wasAnswered({ status }: { readonly status: unknown }): boolean {
  return status !== undefined;
}

async function runStatus({ address }: { readonly address: string }): Promise<void> {
  // The other commands need no client: what they load is time until a server serves.
  const { connect, RpcError } = await import("../client/client.ts");
  parseAddress(address);
  const connection = connect(address);
  try {
    const service = connection.service(DatabaseService);
    const status = await service.getDatabaseStatus({}, { timeoutMs: TIMEOUT_MS });
    const text = toJsonString(DatabaseStatusSchema, status, {
      prettySpaces: 2,
      alwaysEmitImplicit: true,
    });
    process.stdout.write(`${text}\n`);
  } catch (error) {
    if (!(error instanceof RpcError)) throw error;
    const reason = wasAnswered(error) ? error.message : "no server answers there";
    throw new StoreError("DATABASE_UNAVAILABLE", `${address}: ${reason}`, { cause: error });
  } finally {
    connection.close();
  }
}
