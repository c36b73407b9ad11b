// What a collector of OpenTelemetry gets, by OTLP over HTTP in JSON.
// Understands as much of it as tests look at.

import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

interface Value {
  readonly stringValue?: string;
  readonly intValue?: string | number;
  readonly doubleValue?: number;
  readonly boolValue?: boolean;
}

interface KeyValue {
  readonly key: string;
  readonly value: Value;
}

export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

/** A span, with its attributes by their names. */
export interface ToldSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly traceState?: string;
  readonly name: string;
  /** As the protocol counts: 2 is SERVER, 3 is CLIENT. */
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  /** 2 is ERROR. */
  readonly status: { readonly code?: number; readonly message?: string };
  readonly attributes: Attributes;
  /** The process that told it. */
  readonly pid: number;
}

/** One series of a histogram. */
export interface ToldPoint {
  readonly metric: string;
  readonly unit: string;
  readonly attributes: Attributes;
  readonly count: number;
  readonly sum: number;
  readonly bounds: readonly number[];
}

/** A collector that listens. */
export interface Collector {
  readonly url: string;
  readonly spans: readonly ToldSpan[];
  readonly points: readonly ToldPoint[];
  /** All that came, as it came. */
  readonly text: string;
}

/** Collects until the test is over. */
export async function startCollector(): Promise<Collector> {
  const spans: ToldSpan[] = [];
  const points: ToldPoint[] = [];
  let all = "";
  const server = createServer(async (request, response) => {
    const text = await textOf(request);
    all += text;
    const body = JSON.parse(text);
    for (const { resource, scopeSpans = [] } of body.resourceSpans ?? []) {
      const pid = Number(attributesOf(resource.attributes)["process.pid"]);
      for (const { spans: own } of scopeSpans) {
        for (const span of own) {
          spans.push({ ...span, attributes: attributesOf(span.attributes), pid });
        }
      }
    }
    for (const { scopeMetrics = [] } of body.resourceMetrics ?? []) {
      for (const { metrics } of scopeMetrics) {
        for (const { name, unit, histogram } of metrics) {
          for (const { attributes, count, sum, explicitBounds } of histogram?.dataPoints ?? []) {
            points.push({
              metric: name,
              unit,
              attributes: attributesOf(attributes),
              count: Number(count),
              sum,
              bounds: explicitBounds,
            });
          }
        }
      }
    }
    response.setHeader("content-type", "application/json").end("{}");
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    points,
    get text() {
      return all;
    },
  };
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

function attributesOf(pairs: readonly KeyValue[] = []): Attributes {
  return Object.fromEntries(
    pairs.map(({ key, value: { stringValue, intValue, doubleValue, boolValue } }) => [
      key,
      stringValue ??
        (intValue === undefined ? undefined : Number(intValue)) ??
        doubleValue ??
        boolValue,
    ]),
  );
}
