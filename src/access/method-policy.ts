// What a method needs of its caller, said by its descriptor alone.
// Must not know callers.

import { type DescMethod, getOption, hasOption } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel as Idempotency } from "@bufbuild/protobuf/wkt";
import { http } from "../../gen/google/api/annotations_pb.ts";
import type { Role } from "../config.ts";

/** Probes come without credentials. */
export const HEALTH = "grpc.health.v1.Health";

/** The names under which reflection is served. */
export const REFLECTION: ReadonlySet<string> = new Set([
  "grpc.reflection.v1.ServerReflection",
  "grpc.reflection.v1alpha.ServerReflection",
]);

/** Its figures tell of the machine, and its levers act on it. */
export const DATABASE = "protostore.v1.DatabaseService";

const READS = /^(?:Get|List|BatchGet)(?=[A-Z])/;
const WRITES = /^(?:Batch)?(?:Create|Update|Delete)(?=[A-Z])/;

/** The role that a method needs, or `none` if it may be called by anybody. */
export function requiredRole(method: DescMethod, isReflectionOpen: boolean): Role | "none" {
  const service = method.parent.typeName;
  if (service === HEALTH) return "none";
  if (REFLECTION.has(service)) return isReflectionOpen ? "none" : "reader";
  if (service === DATABASE) return "admin";
  if (method.idempotency === Idempotency.NO_SIDE_EFFECTS) return "reader";
  if (hasOption(method, http)) {
    return getOption(method, http).pattern.case === "get" ? "reader" : "writer";
  }
  if (READS.test(method.name)) return "reader";
  // What nothing is known of may do anything.
  return WRITES.test(method.name) ? "writer" : "admin";
}
