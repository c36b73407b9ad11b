// Figures as the text that Prometheus scrapes, of one process or of several.
// The only place that knows prom-client; it is loaded when figures are asked for.

import { AggregatorRegistry, collectDefaultMetrics, Registry } from "prom-client";
import type { Family } from "./families.ts";

export const CONTENT_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;

let defaults: Registry | undefined;

/** What Node tells of this process. */
export async function readDefaults(): Promise<readonly Family[]> {
  if (!defaults) {
    defaults = new Registry();
    collectDefaultMetrics({ register: defaults });
  }
  return (await defaults.getMetricsAsJSON()) as unknown as Family[];
}

/** The text for the figures of one process, or of several together. */
export function expose(processes: readonly (readonly Family[])[]): Promise<string> {
  return join(processes).metrics();
}

/** The figures of several processes as those of one. */
export async function addTogether(
  processes: readonly (readonly Family[])[],
): Promise<readonly Family[]> {
  return (await join(processes).getMetricsAsJSON()) as unknown as Family[];
}

function join(processes: readonly (readonly Family[])[]) {
  return AggregatorRegistry.aggregate<typeof CONTENT_TYPE>([...processes]);
}
