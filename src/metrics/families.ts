// Figures in the form that all of Prometheus' tools take, and processes can send to each other.
// Measures nothing.

import type { Distribution } from "../observe/distribution.ts";

/** The figures of one name. */
export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  /** What several processes' figures make together. */
  readonly aggregator: "sum" | "max" | "min" | "first";
  readonly values: readonly Value[];
}

/** One of them. */
export interface Value {
  /** Its own name if that is not the family's. */
  readonly metricName?: string;
  readonly labels: Labels;
  readonly value: number;
}

export type Labels = Readonly<Record<string, string | number>>;

/** Only grows. */
export function counter(name: string, help: string, values: readonly Value[]): Family {
  return { name, help, type: "counter", aggregator: "sum", values };
}

/** Comes and goes; if `aggregator` is not a sum, each process sees the same. */
export function gauge(
  name: string,
  help: string,
  values: readonly Value[],
  aggregator: Family["aggregator"] = "sum",
): Family {
  return { name, help, type: "gauge", aggregator, values };
}

/** A distribution for each set of labels. */
export function histogram(
  name: string,
  help: string,
  distributions: readonly (readonly [Labels, Distribution])[],
): Family {
  const values = distributions.flatMap(([labels, found]) => valuesOf(name, labels, found));
  return { name, help, type: "histogram", aggregator: "sum", values };
}

/** A figure alone. */
export function value(value: number, labels: Labels = {}): Value {
  return { labels, value };
}

function valuesOf(name: string, labels: Labels, { bounds, counts, sum }: Distribution): Value[] {
  let total = 0;
  const buckets = counts.map((count, size) => {
    total += count;
    const le = bounds[size] ?? "+Inf";
    return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: total };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: total },
  ];
}
