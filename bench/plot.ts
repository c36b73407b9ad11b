// Draws docs/performance.svg from the last results: a bar for the median of each ratio, a whisker
// from its least to its greatest value, a mark for its target. It measures nothing.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { COMPARISONS, type Mode } from "./plan.ts";
import { type Ratio, ratiosOf, readResults } from "./results.ts";

const PATH = join(import.meta.dirname, "..", "docs", "performance.svg");

const LABEL_WIDTH = 250;
const PLOT_WIDTH = 470;
const VALUE_WIDTH = 80;
const TOP = 58;
const BAR_HEIGHT = 12;
const BAR_GAP = 2;
const GROUP_GAP = 14;
const AXIS_HEIGHT = 34;
const TICKS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100];
const MODES: readonly Mode[] = ["pinned", "unpinned"];

const STYLE = `
  text { font: 12px system-ui, sans-serif; fill: #24292f; }
  .title { font-size: 14px; font-weight: 600; }
  .value, .tick { font-size: 11px; fill: #57606a; }
  .grid { stroke: #d0d7de; }
  .one { stroke: #57606a; }
  .whisker { stroke: #24292f; stroke-width: 1.5; }
  .target { stroke: #cf222e; stroke-width: 2.5; }
  .pinned { fill: #3f7fbf; }
  .unpinned { fill: #d9923b; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .value, .tick { fill: #9da7b3; }
    .grid { stroke: #30363d; }
    .one { stroke: #9da7b3; }
    .whisker { stroke: #e6edf3; }
    .target { stroke: #ff7b72; }
  }
`;

writeFileSync(PATH, draw(MODES.flatMap((mode) => ratiosOf(readResults(), mode))));

function draw(ratios: readonly Ratio[]): string {
  const groups = COMPARISONS.map((comparison) => ({
    label: comparison.label,
    bars: ratios.filter((ratio) => ratio.comparison === comparison),
  })).filter(({ bars }) => bars.length > 0);
  const ends = ratios.flatMap(({ min, max, target }) => [min, max, target ?? 1]);
  const [low, high] = [lowerTick(Math.min(...ends)), upperTick(Math.max(...ends))];
  // The scale is logarithmic, so that half as much is as far from 1 as twice as much.
  const x = (value: number) =>
    LABEL_WIDTH + (PLOT_WIDTH * Math.log(value / low)) / Math.log(high / low);
  const rows: string[] = [];
  let y = TOP;
  for (const { label, bars } of groups) {
    const height = bars.length * (BAR_HEIGHT + BAR_GAP) - BAR_GAP;
    rows.push(text(LABEL_WIDTH - 10, y + height / 2 + 4, label, 'text-anchor="end"'));
    for (const bar of bars) {
      rows.push(...drawBar(bar, x, y));
      y += BAR_HEIGHT + BAR_GAP;
    }
    y += GROUP_GAP - BAR_GAP;
  }
  const grid = TICKS.filter((tick) => tick >= low && tick <= high).flatMap((tick) => [
    line(x(tick), TOP - 6, x(tick), y, tick === 1 ? "one" : "grid"),
    text(x(tick), y + 16, `${tick} ×`, 'text-anchor="middle" class="tick"'),
  ]);
  const width = LABEL_WIDTH + PLOT_WIDTH + VALUE_WIDTH;
  const height = y + AXIS_HEIGHT;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title">`,
    `<title id="title">How many times as fast as what it is compared with</title>`,
    `<style>${STYLE}</style>`,
    text(LABEL_WIDTH, 18, "Times as fast; right of 1 is faster", 'class="title"'),
    ...legend(),
    ...grid,
    ...rows,
    "</svg>\n",
  ].join("\n");
}

function drawBar(bar: Ratio, x: (value: number) => number, y: number): string[] {
  const [from, to] = [Math.min(x(1), x(bar.median)), Math.max(x(1), x(bar.median))];
  const middle = y + BAR_HEIGHT / 2;
  const value = `${bar.median.toFixed(2)} ×`;
  return [
    `<rect x="${digits(from)}" y="${y}" width="${digits(to - from)}" height="${BAR_HEIGHT}" class="${bar.mode}"/>`,
    line(x(bar.min), middle, x(bar.max), middle, "whisker"),
    line(x(bar.min), middle - 3, x(bar.min), middle + 3, "whisker"),
    line(x(bar.max), middle - 3, x(bar.max), middle + 3, "whisker"),
    ...(bar.target === undefined
      ? []
      : [line(x(bar.target), y - 1, x(bar.target), y + BAR_HEIGHT + 1, "target")]),
    text(LABEL_WIDTH + PLOT_WIDTH + 12, y + BAR_HEIGHT - 2, value, 'class="value"'),
  ];
}

function legend(): string[] {
  const y = 30;
  const entry = (left: number, mode: Mode) => [
    `<rect x="${left}" y="${y}" width="12" height="${BAR_HEIGHT}" class="${mode}"/>`,
    text(left + 18, y + 10, mode),
  ];
  const left = LABEL_WIDTH;
  return [
    ...entry(left, "pinned"),
    ...entry(left + 80, "unpinned"),
    line(left + 181, y, left + 181, y + BAR_HEIGHT, "target"),
    text(left + 190, y + 10, "target"),
    line(left + 250, y + 6, left + 274, y + 6, "whisker"),
    text(left + 282, y + 10, "least to greatest"),
  ];
}

function lowerTick(value: number): number {
  return TICKS.findLast((tick) => tick <= value) ?? value;
}

function upperTick(value: number): number {
  return TICKS.find((tick) => tick >= value) ?? value;
}

function line(x1: number, y1: number, x2: number, y2: number, style: string): string {
  return `<line x1="${digits(x1)}" y1="${digits(y1)}" x2="${digits(x2)}" y2="${digits(y2)}" class="${style}"/>`;
}

function text(x: number, y: number, content: string, attributes = ""): string {
  const escaped = content.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return `<text x="${digits(x)}" y="${digits(y)}" ${attributes}>${escaped}</text>`;
}

function digits(value: number): string {
  return value.toFixed(1);
}
