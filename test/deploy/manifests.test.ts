// What is in deploy/ to run the server by: its settings are settings of `serve`, ports and paths agree with
// each other and with the image, probes ask what there is, and nobody is cut off before a stop is over.

import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { CHINOOK } from "../../src/chinook/program.ts";
import { serveOptions } from "../../src/cli/serve-options.ts";
import { DEFAULT_LIMITS } from "../../src/limits.ts";
import { runShell, runShellOk } from "../support/recipe-programs.ts";
import { tempDir } from "../support/temp.ts";
import { outsideTool, REPO_ROOT } from "../support/tools.ts";
import { type Instruction, readDockerfile } from "./dockerfile.ts";
import { commandFolder } from "./support.ts";

const read = (path: string) => readFileSync(join(REPO_ROOT, "deploy", path), "utf8");
const STOP_SECONDS = (DEFAULT_LIMITS.shutdownTimeoutMs + DEFAULT_LIMITS.closeTimeoutMs) / 1_000;

type Settings = Readonly<Record<string, string | boolean>>;

/** The parts of the manifests that are looked at; a test fails where one is missing. */
interface Compose {
  readonly services: {
    readonly protostore: {
      readonly command: readonly string[];
      readonly ports: readonly string[];
      readonly volumes: readonly string[];
      readonly tmpfs: readonly string[];
      readonly user: string;
      readonly read_only: boolean;
      readonly stop_grace_period: string;
    };
  };
}

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
}

interface Container {
  readonly args: readonly string[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly livenessProbe: Probe;
  readonly readinessProbe: Probe;
  readonly lifecycle: { readonly preStop: { readonly exec: { readonly command: string[] } } };
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
  readonly securityContext: object;
}

interface StatefulSet {
  readonly replicas: number;
  readonly template: {
    readonly metadata: { readonly annotations: Readonly<Record<string, string>> };
    readonly spec: {
      readonly terminationGracePeriodSeconds: number;
      readonly securityContext: { readonly runAsUser: number };
      readonly containers: readonly [Container];
      readonly volumes: readonly { readonly name: string }[];
    };
  };
  readonly volumeClaimTemplates: readonly {
    readonly metadata: { readonly name: string };
    readonly spec: { readonly accessModes: readonly string[] };
  }[];
}

const dockerfile = readDockerfile();
const compose = (parse(read("compose.yaml")) as Compose).services.protostore;
const kubernetes = new Map(
  parseAllDocuments(read("kubernetes.yaml")).map((document) => {
    expect("errors" in document ? document.errors : ["no document"]).toEqual([]);
    const { kind, ...rest } = (document as { toJS(): unknown }).toJS() as { kind: string };
    return [kind, rest as unknown];
  }),
);
const { data } = kubernetes.get("ConfigMap") as { data: Readonly<Record<string, string>> };
const service = kubernetes.get("StatefulSet") as { spec: StatefulSet };
const pod = service.spec.template.spec;
const [container] = pod.containers;
const unit = new Map(
  read("protostore.service")
    .split("\n")
    .flatMap((line) => (/^\w+=/.test(line) ? [line.split(/=(.*)/, 2) as [string, string]] : [])),
);

const argumentOf = (instruction: Instruction["name"]) =>
  dockerfile.findLast(({ name }) => name === instruction)?.argument ?? "";
const imageCommand = JSON.parse(argumentOf("CMD")) as readonly string[];

/** Each file of settings, and the paths below which it can be written. */
const SETTINGS = {
  "store.yaml": {
    text: read("store.yaml"),
    mounts: compose.volumes.map((volume) => volume.split(":")[1] as string),
    written: compose.volumes
      .filter((volume) => !volume.endsWith(":ro"))
      .map((volume) => volume.split(":")[1] as string),
  },
  "kubernetes.yaml": {
    text: data["store.yaml"] ?? "",
    mounts: container.volumeMounts.map(({ mountPath }) => mountPath),
    written: service.spec.volumeClaimTemplates.map(({ metadata }) => pathOf(metadata.name)),
  },
};

function pathOf(volume: string): string {
  return container.volumeMounts.find(({ name }) => name === volume)?.mountPath ?? "not mounted";
}

const portOf = (address: string | boolean | undefined) => Number(/:(\d+)$/.exec(`${address}`)?.[1]);

const WRITTEN = ["database", "audit-log", "backup-dir"];

for (const [file, { text, mounts, written }] of Object.entries(SETTINGS)) {
  const settings = parse(text) as Settings;

  test(`the settings of ${file} are what serve takes, in places that are mounted`, async () => {
    const folder = tempDir();
    await runShellOk(folder, `cat >store.yaml <<'END'\n${text}\nEND`);
    const print = "protostore config print --config store.yaml";
    const { code, output } = await runShell(folder, print, [commandFolder()]);
    expect([code, output]).toEqual([0, expect.stringContaining("database: /data/store.db")]);
    const paths = Object.entries(settings).filter(([, value]) => `${value}`.startsWith("/"));
    expect(paths.length).toBeGreaterThan(4);
    for (const [name, path] of paths) {
      const places = WRITTEN.includes(name) ? written : mounts;
      expect(
        places.some((place) => path === place || `${path}`.startsWith(`${place}/`)),
        `${name}: ${path}`,
      ).toBe(true);
    }
    expect([settings["tls-cert"], settings.tokens]).not.toContain(undefined);
  });
}

test("the image's own command is one of serve, at the ports that everything else has", () => {
  expect(imageCommand[0]).toBe("serve");
  const named = imageCommand.filter((word) => word.startsWith("--"));
  const options = serveOptions(CHINOOK).map(({ long }) => long);
  expect(options).toEqual(expect.arrayContaining(named));
  const argumentAfter = (name: string) => imageCommand[imageCommand.indexOf(name) + 1] ?? "";
  const [calls, figures] = [
    portOf(argumentAfter("--address")),
    portOf(argumentAfter("--metrics-address")),
  ];
  const ports = Object.values(SETTINGS).map(({ text }) => {
    const settings = parse(text) as Settings;
    return [portOf(settings.address), portOf(settings["metrics-address"])];
  });
  expect(ports).toEqual([
    [calls, figures],
    [calls, figures],
  ]);
  expect(argumentOf("EXPOSE")).toBe(`${calls}`);
  expect(compose.ports).toEqual([`${calls}:${calls}`]);
  expect(container.ports.map(({ containerPort }) => containerPort)).toEqual([calls, figures]);
  const { "prometheus.io/port": scraped } = service.spec.template.metadata.annotations;
  expect(scraped).toBe(`${figures}`);
  expect(argumentOf("HEALTHCHECK")).toContain(`http://127.0.0.1:${figures}/readyz`);
});

test("whoever starts the image gives it the settings that are mounted", () => {
  const command = ["serve", "--config", "/etc/protostore/store.yaml"];
  expect([compose.command, container.args]).toEqual([command, command]);
  expect(compose.volumes).toContain(`./store.yaml:${command[2]}:ro`);
  expect(`${pathOf("settings")}/${Object.keys(data)[0]}`).toBe(command[2]);
  const user = argumentOf("USER");
  expect(compose.user).toBe(user);
  expect(`${pod.securityContext.runAsUser}:1000`).toBe(user);
  const made = dockerfile.find(({ argument }) => argument.startsWith("install -d"))?.argument ?? "";
  for (const { written } of Object.values(SETTINGS)) {
    for (const path of written) expect(made.split(" ")).toContain(path);
  }
});

test("everything else is read-only, and /tmp is in memory", () => {
  expect(compose).toMatchObject({ read_only: true, cap_drop: ["ALL"] });
  expect(compose.tmpfs[0]).toMatch(/^\/tmp:/);
  expect(container.securityContext).toEqual({
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ["ALL"] },
  });
  expect(pathOf("tmp")).toBe("/tmp");
  const volumes = [
    ...pod.volumes.map(({ name }) => name),
    ...service.spec.volumeClaimTemplates.map(({ metadata }) => metadata.name),
  ];
  expect(container.volumeMounts.map(({ name }) => name).sort()).toEqual(volumes.sort());
});

test("Kubernetes runs one, and asks whether it lives where it is told", () => {
  expect(service.spec.replicas).toBe(1);
  for (const { spec } of service.spec.volumeClaimTemplates) {
    expect(spec.accessModes).toEqual(["ReadWriteOncePod"]);
  }
  expect(container.livenessProbe.httpGet).toEqual({ path: "/livez", port: "figures" });
  expect(container.readinessProbe.httpGet).toEqual({ path: "/readyz", port: "figures" });
  const told = readFileSync(join(REPO_ROOT, "docs", "metrics.md"), "utf8");
  for (const path of ["/livez", "/readyz"]) expect(told).toContain(`| \`${path}\` |`);
});

test("nobody is cut off before a stop is over", () => {
  const preStop = Number(container.lifecycle.preStop.exec.command[1]);
  expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(preStop + 2 * STOP_SECONDS);
  expect(Number(compose.stop_grace_period.replace("s", ""))).toBeGreaterThan(2 * STOP_SECONDS);
  expect(Number(unit.get("TimeoutStopSec"))).toBeGreaterThan(2 * STOP_SECONDS);
  expect(unit.get("KillMode")).toBe("mixed");
});

const systemd = outsideTool("systemd-analyze");

test.skipIf(!systemd)("systemd finds nothing wrong with the unit, and little exposed", async () => {
  const folder = tempDir();
  const text = read("protostore.service");
  const command = unit.get("ExecStart")?.split(" ")[0] ?? "";
  expect(command).toMatch(/\/node_modules\/\.bin\/protostore$/);
  const here = text.replace(command, join(commandFolder(), "protostore"));
  await runShellOk(folder, `cat >protostore.service <<'END'\n${here}\nEND`);
  const { code, output } = await runShell(folder, `'${systemd}' verify ./protostore.service`);
  expect([code, output.replace(/^.*document.*not.*$\n/gim, "")]).toEqual([0, ""]);
  const security = `'${systemd}' security --offline=true --no-pager ./protostore.service`;
  const [, level] =
    /exposure level for \S+: ([\d.]+)/.exec(await runShellOk(folder, security)) ?? [];
  expect(Number(level)).toBeLessThan(1.5);
  expect(readFileSync(join(REPO_ROOT, "docs", "operations.md"), "utf8")).toContain(
    `${level} of 10`,
  );
});

test("docs/operations.md names each of them", () => {
  const document = readFileSync(join(REPO_ROOT, "docs", "operations.md"), "utf8");
  const files = globSync("*", { cwd: join(REPO_ROOT, "deploy") });
  const told = [document, readFileSync(join(REPO_ROOT, "docs", "metrics.md"), "utf8")].join();
  expect(files.filter((file) => !told.includes(file))).toEqual([]);
});
