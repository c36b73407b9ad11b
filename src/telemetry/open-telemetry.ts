// What an OpenTelemetry SDK is told of that the operator, or the program around, has brought: looked for
// once, when a server starts. The package is its interface only, and does nothing without an SDK.

import { basename } from "node:path";
import { createNoopMeter, metrics, trace } from "@opentelemetry/api";
import { packageVersion } from "../package-root.ts";
import { type CallSpans, createCallSpans } from "./call-spans.ts";
import {
  createStatementSpans,
  type DatabaseSystem,
  type StatementSpans,
} from "./statement-spans.ts";

/** An SDK that was found. */
export interface Telemetry extends CallSpans {
  /** Counts statements; absent if nobody takes figures. */
  readonly onStatement: StatementSpans["onStatement"] | undefined;
  /** Has what was told so far sent; takes no longer than a moment. */
  flush(): Promise<void>;
}

const NAME = "protostore";
/** Those that spans and metrics are named by. */
const CONVENTIONS = { schemaUrl: "https://opentelemetry.io/schemas/1.45.0" };
/** Who stops a server does not wait longer for those who collect. */
const FLUSH_TIMEOUT_MS = 2_000;

/** What tells the SDK; undefined if there is none. */
export function createTelemetry(database: string, system: DatabaseSystem): Telemetry | undefined {
  const tracers = trace.getTracerProvider() as { getDelegateTracer?(name: string): unknown };
  const isTraced = !tracers.getDelegateTracer || tracers.getDelegateTracer(NAME) !== undefined;
  const isMetered = metrics.getMeter(NAME) !== createNoopMeter();
  if (!isTraced && !isMetered) return undefined;
  const version = packageVersion();
  const tracer = trace.getTracerProvider().getTracer(NAME, version, CONVENTIONS);
  const meter = metrics.getMeter(NAME, version, CONVENTIONS);
  const statements = createStatementSpans(tracer, meter, { system, namespace: basename(database) });
  const calls = createCallSpans({
    tracer,
    meter,
    tellStatements: statements.tell,
  });
  return {
    ...calls,
    onStatement: isMetered ? statements.onStatement : undefined,
    async flush() {
      const timeout = new Promise<void>((resolve) => {
        setTimeout(resolve, FLUSH_TIMEOUT_MS).unref();
      });
      await Promise.race([flushAll(), timeout]);
    },
  };
}

/** The interface has no word for it, but every SDK does. */
async function flushAll(): Promise<void> {
  const tracers = trace.getTracerProvider() as { getDelegate?(): Partial<Flushable> };
  const providers = [tracers.getDelegate?.(), metrics.getMeterProvider() as Partial<Flushable>];
  await Promise.allSettled(providers.map((provider) => provider?.forceFlush?.()));
}

interface Flushable {
  forceFlush(): Promise<void>;
}
