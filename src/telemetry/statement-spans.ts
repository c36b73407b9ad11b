// A span for each statement of a call, and how long all statements took, as OpenTelemetry's conventions
// for databases name them. Never has the text of a statement, or its values.

import {
  type Attributes,
  type Context,
  type Meter,
  SpanKind,
  SpanStatusCode,
  type Tracer,
} from "@opentelemetry/api";
import type { OnStatement, StatementLog, StatementRun } from "../observe/statement-run.ts";
import { fromMonotonicMs } from "./wall-clock.ts";

/** As the conventions name them. */
export type DatabaseSystem = "sqlite" | "postgresql";

/** Where statements are run. */
interface StatementSource {
  readonly system: DatabaseSystem;
  /** The name of the database. */
  readonly namespace: string;
}

/** What statements are told to. */
export interface StatementSpans {
  /** Counts a statement, whoever it was run for. */
  readonly onStatement: OnStatement;
  /** Makes the spans of those that were run for the call that the context is of. */
  readonly tell: (log: StatementLog, of: Context) => void;
}

/** In seconds: what the conventions advise. */
const SECONDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10];

/** Spans and durations of the statements of a database. */
export function createStatementSpans(
  tracer: Tracer,
  meter: Meter,
  source: StatementSource,
): StatementSpans {
  const durations = meter.createHistogram("db.client.operation.duration", {
    description: "Duration of database client operations.",
    unit: "s",
    advice: { explicitBucketBoundaries: SECONDS },
  });
  const known = new Map<string, Attributes>();

  function attributesOf({ name, errorCode }: StatementRun): Attributes {
    // There are as many names as verbs and tables.
    const own = known.get(name) ?? describe(name, source);
    known.set(name, own);
    if (errorCode === undefined) return own;
    return { ...own, "db.response.status_code": errorCode, "error.type": errorCode };
  }

  return {
    onStatement: (run) => durations.record(run.durationNs / 1e9, attributesOf(run)),
    tell({ runs }, of) {
      for (const run of runs) {
        const startTime = fromMonotonicMs(run.startMs);
        const attributes = attributesOf(run);
        const span = tracer.startSpan(
          run.name,
          { kind: SpanKind.CLIENT, startTime, attributes },
          of,
        );
        if (run.errorCode !== undefined) span.setStatus({ code: SpanStatusCode.ERROR });
        span.end(startTime + run.durationNs / 1e6);
      }
    },
  };
}

function describe(name: string, { system, namespace }: StatementSource): Attributes {
  const [operation = name, table] = name.split(" ");
  return {
    "db.system.name": system,
    "db.namespace": namespace,
    "db.operation.name": operation,
    "db.query.summary": name,
    ...(table !== undefined && { "db.collection.name": table }),
  };
}
