// The public face of the package: what a program needs to serve messages of its own. Everything else
// may change without a new major version.

import { serve as serveConfig } from "./boot.ts";
import { completeConfig, type ServeSettings } from "./config.ts";
import { refuseInThread } from "./database/sqlite/threads/thread-start.ts";
import type { Definition } from "./definition.ts";
import { createLog, type Log } from "./observe/log.ts";

export type { Principal } from "./access/principal.ts";
export type { RunningService } from "./boot.ts";
export type { Clock } from "./clock.ts";
export type {
  AccessConfig,
  BackupConfig,
  BackupRetention,
  Config,
  Durability,
  JwtConfig,
  KeptPer,
  Reflection,
  Role,
  ServeSettings,
  TlsConfig,
} from "./config.ts";
export type { CallLimits, Commit, CommitOptions, Operation } from "./database/database.ts";
export { type Definition, defineResources, type Resources } from "./definition.ts";
export { type ErrorCode, type ErrorDetails, invalidField, StoreError } from "./errors.ts";
export type { CallContext, Implementation, Implementations, Response } from "./handlers/handler.ts";
export {
  type HandlerTools,
  implement,
  type OwnMethods,
  type ResourceService,
} from "./handlers/services.ts";
export { DEFAULT_LIMITS, LIMITS, type LimitName, type Limits } from "./limits.ts";
export type { Log } from "./observe/log.ts";
export type { ResourceRepository } from "./repositories/resource-repository.ts";
export { formatName, parseName } from "./schema/resource-name.ts";

/**
 * Serves what `definition` says until it is stopped; creates and migrates the database if there is none.
 * What happens is logged as lines of JSON to stderr, unless a log is given.
 * @throws StoreError with an operator code if it cannot; INVALID_CONFIG, at once, in the thread of a
 * store: the resources must be defined in a module that does nothing else.
 */
export function serve(
  definition: Definition,
  settings: ServeSettings,
  log: Log = createLog(),
): ReturnType<typeof serveConfig> {
  refuseInThread();
  return serveConfig(completeConfig(settings), definition, log);
}
