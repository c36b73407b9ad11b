// What a status tells of the descriptors in a database.
// Reads nothing.

import type { MessageInitShape } from "@bufbuild/protobuf";
import type { DatabaseStatus_SchemaSchema } from "../../../../gen/protostore/v1/database_service_pb.ts";
import type { SchemaState } from "./schema-store.ts";

/** The newest descriptors, and how far rows are that are derived anew for some. */
export function describeDescriptors(
  state: SchemaState | undefined,
): Pick<MessageInitShape<typeof DatabaseStatus_SchemaSchema>, "descriptorsSha256" | "derivation"> {
  if (state?.current == null) return {};
  const { current, derivation, rowsDone, rowsTotal } = state;
  const progress = { rowsDone, rowsTotal, finished: derivation === null };
  return { descriptorsSha256: current, ...(rowsTotal > 0n && { derivation: progress }) };
}
