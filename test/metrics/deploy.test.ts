// The dashboard and the alerts ask for what a server tells, by its names and labels.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import { openClient } from "../access/support.ts";
import { askForBackup } from "../backup/support.ts";
import { startTestService } from "../support/service.ts";
import { tempDir } from "../support/temp.ts";
import { outsideTool, REPO_ROOT } from "../support/tools.ts";
import { ask, parseSamples, scrape, sumOf } from "./scrape.ts";

interface Dashboard {
  readonly panels: readonly { readonly targets: readonly { readonly expr: string }[] }[];
}

const read = (name: string) => readFileSync(join(REPO_ROOT, "deploy", name), "utf8");

function dashboardQueries(): readonly string[] {
  const { panels } = JSON.parse(read("grafana-dashboard.json")) as Dashboard;
  return panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
}

/** Each `expr:` in one line, or in the indented lines below it. */
function ruleQueries(): readonly string[] {
  const found = read("prometheus-rules.yml").matchAll(
    /^ +expr: (?:\|\n((?: {10,}.*\n)+)|(.*)\n)/gm,
  );
  return [...found].map(([, block, line]) => block ?? line ?? "");
}

const FIGURE = /\b(?:grpc_server|database|protostore|process)_\w+(?:\{([^}]*)\})?/g;

test("every query asks for figures and labels that there are", async () => {
  const limits = { callsPerSecond: 1, callBurst: 2 };
  const service = await startTestService({
    metricsAddress: "127.0.0.1:0",
    fixtures: true,
    limits,
    backups: { folder: tempDir() },
  });
  const before = await scrape(service.metricsPort);
  expect(before.filter(({ name }) => name.startsWith("protostore_backup"))).toEqual([]);
  const backup = await askForBackup(openClient(service.address), "new");
  const artists = service.connection.service(ArtistService);
  const calls = Array.from({ length: 4 }, () =>
    artists.createArtist({ artist: { displayName: "New" } }).catch(() => {}),
  );
  await Promise.all(calls);
  const samples = parseSamples((await ask(service.metricsPort, "/metrics")).text);

  expect(sumOf(samples, "protostore_backup_size_bytes")).toBe(Number(backup?.sizeBytes));
  expect(sumOf(samples, "protostore_backup_create_timestamp_seconds")).toBe(
    Number(backup?.createTime && timestampMs(backup.createTime)) / 1_000,
  );
  const queries = [...dashboardQueries(), ...ruleQueries()];
  expect(queries.length).toBeGreaterThan(25);
  for (const query of queries) {
    const asked = [...query.matchAll(FIGURE)];
    expect(asked, query).not.toEqual([]);
    for (const [text, selector = ""] of asked) {
      const name = text.replace(/\{.*/, "");
      const told = samples.filter((sample) => sample.name === name);
      expect(told.length, name).toBeGreaterThan(0);
      const used = [...selector.matchAll(/(\w+)(?==|!=)/g)].map(([label]) => label);
      const grouped = /\bby \(([^)]*)\)/.exec(query)?.[1]?.split(", ") ?? [];
      for (const label of [...used, ...grouped]) {
        // That one is Prometheus' own.
        if (label !== "instance")
          expect(Object.keys(told[0]?.labels ?? {}), query).toContain(label);
      }
    }
  }
});

const promtool = outsideTool("promtool");

test.skipIf(!promtool)("the alerts are what Prometheus takes", () => {
  const rules = join(REPO_ROOT, "deploy", "prometheus-rules.yml");
  const { status, stderr } = spawnSync(promtool as string, ["check", "rules", rules]);
  expect(status, String(stderr)).toBe(0);
});
