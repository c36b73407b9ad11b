// Draws docs/soak.svg: a server's memory, descriptors and log over time. It measures nothing.

import { writeFileSync } from "node:fs";

/** What a server was at one moment. */
export interface SoakSample {
  readonly minute: number;
  readonly memoryMb: number;
  readonly descriptors: number;
  readonly logMb: number;
  readonly databaseMb: number;
}

const [WIDTH, HEIGHT, LEFT, TOP, GAP] = [720, 110, 120, 30, 34] as const;

const STYLE = `
  text { font: 12px system-ui, sans-serif; fill: #24292f; }
  polyline { fill: none; stroke: #3f7fbf; stroke-width: 1.5; }
  .axis { stroke: #d0d7de; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .axis { stroke: #30363d; }
  }
`;

const ROWS: readonly (readonly [string, (sample: SoakSample) => number])[] = [
  ["memory, MB", ({ memoryMb }) => memoryMb],
  ["descriptors", ({ descriptors }) => descriptors],
  ["log, MB", ({ logMb }) => logMb],
];

/** The least-squares slope through points. */
export function slopeOf(points: readonly (readonly [number, number])[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, v) => sum + v, 0) / values.length;
  const [meanX, meanY] = [mean(points.map(([x]) => x)), mean(points.map(([, y]) => y))];
  const covariance = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0);
  return covariance / points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
}

/** Draws samples, each row from zero to its greatest value. */
export function drawSoak(path: string, samples: readonly SoakSample[]): void {
  const end = Math.max(...samples.map(({ minute }) => minute), 1);
  const rows = ROWS.map(([label, read], index) => {
    const top = TOP + index * (HEIGHT + GAP);
    const most = Math.max(...samples.map(read), 1);
    const points = samples.map((sample) => {
      const x = LEFT + (sample.minute / end) * (WIDTH - LEFT - 10);
      return `${x.toFixed(1)},${(top + HEIGHT - (read(sample) / most) * HEIGHT).toFixed(1)}`;
    });
    const base = top + HEIGHT;
    return [
      `<line class="axis" x1="${LEFT}" y1="${base}" x2="${WIDTH}" y2="${base}"/>`,
      `<text x="${LEFT - 10}" y="${top + 12}" text-anchor="end">${most.toFixed(0)}</text>`,
      `<text x="${LEFT - 10}" y="${base}" text-anchor="end">0</text>`,
      `<text x="${LEFT - 10}" y="${top + HEIGHT / 2 + 4}" text-anchor="end">${label}</text>`,
      `<polyline points="${points.join(" ")}"/>`,
    ].join("\n");
  });
  const height = TOP + ROWS.length * (HEIGHT + GAP);
  const axis = `<text x="${WIDTH}" y="${height - 14}" text-anchor="end">${end.toFixed(0)} minutes</text>`;
  const size = `width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}"`;
  const title = "<title>A server's memory, descriptors and log over time</title>";
  const body = [title, `<style>${STYLE}</style>`, ...rows, axis].join("\n");
  writeFileSync(path, `<svg xmlns="http://www.w3.org/2000/svg" ${size}>\n${body}\n</svg>\n`);
}
