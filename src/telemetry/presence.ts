// Whether anybody has registered anything with OpenTelemetry in this process: without, the package is not
// even loaded. Must not import it.

import type { Telemetry } from "./open-telemetry.ts";
import type { DatabaseSystem } from "./statement-spans.ts";

/** The key under which all copies of the package, of major version 1, find what is registered. */
const REGISTERED = Symbol.for("opentelemetry.js.api.1");

/** What tells an SDK of the server of this database; undefined if there is none. */
export async function findTelemetry(
  database: string,
  system: DatabaseSystem,
): Promise<Telemetry | undefined> {
  if (!Reflect.has(globalThis, REGISTERED)) return undefined;
  const { createTelemetry } = await import("./open-telemetry.ts");
  return createTelemetry(database, system);
}
