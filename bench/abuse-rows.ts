// The rows of the table, and the first of them: more calls than can be answered.

import { FLOODS } from "./abuse-floods.ts";
import { type AbuseRow, creation, get, HOSTS, scan } from "./abuse-row.ts";
import { WAITS } from "./abuse-waits.ts";
import { keepInFlight, type RawCall } from "./overload.ts";
import { quantile } from "./quantile.ts";

const LOAD_SECONDS = 8;

const ms = (value: number) => (Number.isNaN(value) ? "-" : `${value.toFixed(1)} ms`);

/** As many calls as are let in, and then four times as many. */
function overload(name: string, call: RawCall, capacity: number): AbuseRow {
  return {
    row: "31",
    done: `${name}: ${4 * capacity} in flight where ${capacity} are let in`,
    asked: "goodput ≥ 80 % of the peak, p99 ≤ 2 ×, refusals ≤ 5 ms with RetryInfo",
    async run({ port }) {
      const peak = await keepInFlight(port, HOSTS, capacity, LOAD_SECONDS, call);
      const over = await keepInFlight(port, HOSTS, 4 * capacity, LOAD_SECONDS, call);
      const [p99, peakP99] = [quantile(over.okMs, 0.99), quantile(peak.okMs, 0.99)];
      const others = [...over.others].map(([status, times]) => `${status}: ${times}`).join(" ");
      return [
        `peak ${peak.perSecond.toFixed(0)}/s p99 ${ms(peakP99)} (${peak.refusedMs.length} refused)`,
        `then ${over.perSecond.toFixed(0)}/s (${((100 * over.perSecond) / peak.perSecond).toFixed(0)} %)`,
        `p99 ${ms(p99)} (${(p99 / peakP99).toFixed(1)} ×)`,
        `refused ${over.refusedMs.length} in ${ms(quantile(over.refusedMs, 0.5))}, p99 ${ms(quantile(over.refusedMs, 0.99))}`,
        ...(others === "" ? [] : [`others ${others}`]),
      ].join("; ");
    },
  };
}

/** All rows, in the order of the table. */
export const ROWS: readonly AbuseRow[] = [
  overload("Get", get, 2_000),
  overload("List that scans", scan, 250),
  overload("Create", creation, 1_000),
  ...FLOODS,
  ...WAITS,
];
