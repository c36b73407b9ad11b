// Asks a server for its figures as Prometheus does.

/** A line of a scrape. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** What a place answers over HTTP. */
export async function ask(port: number | undefined, path: string, method = "GET") {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { method });
  return { status: response.status, text: await response.text() };
}

/** All figures. */
export async function scrape(port: number | undefined): Promise<readonly Sample[]> {
  const { status, text } = await ask(port, "/metrics");
  if (status !== 200) throw new Error(`/metrics answered ${status}: ${text}`);
  return parseSamples(text);
}

/** The lines of a scrape that are no comments. @throws Error if one of them is none. */
export function parseSamples(text: string): readonly Sample[] {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return lines.map((line) => {
    const [, name = "", labels = "", value = ""] =
      /^([a-z_][\w:]*)(?:\{(.*)\})? (\S+)$/i.exec(line) ?? [];
    if (name === "") throw new Error(`this is no sample: ${line}`);
    const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)];
    return {
      name,
      labels: Object.fromEntries(pairs.map(([, key = "", text = ""]) => [key, text])),
      value: value === "+Inf" ? Number.POSITIVE_INFINITY : Number(value),
    };
  });
}

/** The sum of the samples of a name that have these labels. */
export function sumOf(
  samples: readonly Sample[],
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number {
  return samples
    .filter((sample) => sample.name === name)
    .filter((sample) => Object.entries(labels).every(([key, text]) => sample.labels[key] === text))
    .reduce((sum, { value }) => sum + value, 0);
}
