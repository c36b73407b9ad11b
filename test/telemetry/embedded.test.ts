// A program that has an SDK of its own and then serves: what its methods do is a part of their calls, and
// what they fail with is told by its status alone.

import { trace } from "@opentelemetry/api";
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-node";
import { expect, onTestFinished, test, vi } from "vitest";
import { SalesService } from "../../gen/chinook/v1/sales_service_pb.ts";
import { METHODS } from "../../src/chinook/methods.ts";
import { CHINOOK } from "../../src/chinook/program.ts";
import { implement } from "../../src/handlers/services.ts";
import { startTestService } from "../support/service.ts";

const MARKER = "XyzzyMarker";
const ERROR = 2;

test("a span of a method's own is below that of its call, which says no more than its status", async () => {
  const exporter = new InMemorySpanExporter();
  new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register();
  onTestFinished(() => trace.disable());
  const own = implement(SalesService, () => ({
    async summarizeSales() {
      await Promise.resolve();
      trace.getTracer("own").startSpan("own work").end();
      throw new Error(MARKER);
    },
  }));
  const methods = [...METHODS.filter(({ service }) => service !== SalesService), own];
  const service = await startTestService({ definition: { ...CHINOOK, methods } });
  await expect(service.connection.service(SalesService).summarizeSales({})).rejects.toThrow();
  await vi.waitFor(() => expect(exporter.getFinishedSpans()).toHaveLength(2));

  const [inner, outer] = exporter.getFinishedSpans();
  expect(outer).toMatchObject({
    name: "chinook.v1.SalesService/SummarizeSales",
    status: { code: ERROR },
    attributes: { "rpc.status_code": "INTERNAL", "error.type": "INTERNAL" },
    events: [],
  });
  expect(inner).toMatchObject({
    name: "own work",
    parentSpanContext: { spanId: outer?.spanContext().spanId },
  });
  expect(JSON.stringify([outer?.attributes, outer?.status])).not.toContain(MARKER);
});
