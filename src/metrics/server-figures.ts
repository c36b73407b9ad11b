// The figures of one server process, and what probes are told of it.
// Must not know who asks, or how they are sent.

import type { DatabaseStatus_Backup } from "../../gen/protostore/v1/database_service_pb.ts";
import { backupFamilies } from "./backup-figures.ts";
import type { CallFigures } from "./call-figures.ts";
import { counter, type Family, gauge, value } from "./families.ts";

/** Where figures come from. */
export interface FigureSource {
  /** Whether calls are answered now. */
  isReady(): boolean;
  families(): Promise<readonly Family[]>;
}

/** What a server tells of itself. */
export interface MeasuredServer {
  isReady(): boolean;
  readonly calls: CallFigures;
  /** How often each limit has refused somebody. */
  readonly refusals: () => Iterable<readonly [string, number]>;
  /** How late the event loop is. */
  readonly delay: () => { readonly p50Ns: number; readonly p99Ns: number; readonly maxNs: number };
  readonly database: () => readonly Family[];
  readonly backup: () => Promise<DatabaseStatus_Backup | undefined>;
}

/** All of its figures. */
export function figuresOf(server: MeasuredServer): FigureSource {
  return {
    isReady: server.isReady,
    async families() {
      const { p50Ns, p99Ns, maxNs } = server.delay();
      const seconds = (ns: number, quantile: string) => value(ns / 1e9, { quantile });
      const refusals = [...server.refusals()].map(([limit, count]) => value(count, { limit }));
      return [
        gauge(
          "protostore_serving",
          "1 while calls are answered, 0 while they are refused.",
          [value(server.isReady() ? 1 : 0)],
          "min",
        ),
        ...server.calls.families(),
        counter(
          "protostore_limit_refusals_total",
          "Connections, calls and answers that a limit has refused.",
          refusals,
        ),
        gauge(
          "protostore_event_loop_delay_seconds",
          "How late the event loop was since the start; of several processes, the latest.",
          [seconds(p50Ns, "0.5"), seconds(p99Ns, "0.99"), seconds(maxNs, "1")],
          "max",
        ),
        ...server.database(),
        ...backupFamilies(await server.backup()),
        ...(await processFamilies()),
      ];
    },
  };
}

/** What Node tells of the process, which is one however many services it has. */
async function processFamilies(): Promise<readonly Family[]> {
  const { readDefaults } = await import("./exposition.ts");
  return readDefaults();
}
