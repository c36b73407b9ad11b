// An SDK that sends spans and metrics by OTLP over HTTP, to http://localhost:4318 or to what the
// variable OTEL_EXPORTER_OTLP_ENDPOINT says. Take whichever processors and exporters you like.

import { metrics } from "@opentelemetry/api";
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-http";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { defaultResource, resourceFromAttributes } from "@opentelemetry/resources";
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { BatchSpanProcessor, NodeTracerProvider } from "@opentelemetry/sdk-trace-node";

const name = process.env.OTEL_SERVICE_NAME ?? "protostore";
const resource = defaultResource().merge(
  resourceFromAttributes({ "service.name": name, "process.pid": process.pid }),
);

// Sets a propagator for the W3C's trace context, too: a call's `traceparent` is its parent.
new NodeTracerProvider({
  resource,
  spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
}).register();

metrics.setGlobalMeterProvider(
  new MeterProvider({
    resource,
    readers: [new PeriodicExportingMetricReader({ exporter: new OTLPMetricExporter() })],
  }),
);
