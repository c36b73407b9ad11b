// What is in deploy/ to run servers over PostgreSQL by: its parts agree with each other and with the image;
// its commands, with other places and ports, make the tables and two servers of which one may go.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import { CHINOOK } from "../../src/chinook/program.ts";
import { serveOptions } from "../../src/cli/serve-options.ts";
import { connect } from "../../src/client/client.ts";
import { DEFAULT_LIMITS } from "../../src/limits.ts";
import { makeEmptyDatabase } from "../postgres/empty.ts";
import { startServerWith } from "../service/cli.ts";
import { runShell } from "../support/recipe-programs.ts";
import { tempDir } from "../support/temp.ts";
import { REPO_ROOT } from "../support/tools.ts";
import { readDockerfile } from "./dockerfile.ts";
import { commandFolder, freePorts } from "./support.ts";

const read = (path: string) => readFileSync(join(REPO_ROOT, "deploy", path), "utf8");
const STOP_SECONDS = (DEFAULT_LIMITS.shutdownTimeoutMs + DEFAULT_LIMITS.closeTimeoutMs) / 1_000;

/** The parts that are looked at; a test fails where one is missing. */
interface ComposeService {
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly volumes: readonly string[];
  readonly user: string;
  readonly ports: readonly string[];
  readonly deploy: { readonly replicas: number };
  readonly depends_on: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck: { readonly test?: readonly string[]; readonly disable?: boolean };
  readonly stop_grace_period: string;
}

interface Container {
  readonly image: string;
  readonly args: readonly string[];
  readonly env: readonly {
    readonly name: string;
    readonly valueFrom: {
      readonly configMapKeyRef: { readonly name: string; readonly key: string };
    };
  }[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly livenessProbe: object;
  readonly readinessProbe: object;
  readonly lifecycle: { readonly preStop: { readonly exec: { readonly command: string[] } } };
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
  readonly securityContext: object;
}

interface PodTemplate {
  readonly metadata: { readonly labels: object };
  readonly spec: {
    readonly terminationGracePeriodSeconds: number;
    readonly securityContext: { readonly runAsUser: number; readonly runAsGroup: number };
    readonly containers: readonly [Container];
    readonly volumes: readonly { readonly name: string }[];
  };
}

interface Resource {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly data: Readonly<Record<string, string>>;
  readonly spec: {
    readonly replicas: number;
    readonly minAvailable: number;
    readonly selector: { readonly matchLabels?: object };
    readonly podSelector: { readonly matchLabels: object };
    readonly strategy: { readonly rollingUpdate: object };
    readonly clusterIP: string;
    readonly template: PodTemplate;
  };
}

const { services } = parse(read("compose-postgres.yaml"), { merge: true }) as {
  readonly services: Readonly<Record<"postgres" | "migrate" | "protostore", ComposeService>>;
};
const resources = new Map(
  parseAllDocuments(read("kubernetes-postgres.yaml")).map((document) => {
    expect("errors" in document ? document.errors : ["no document"]).toEqual([]);
    const resource = (document as { toJS(): unknown }).toJS() as Resource;
    return [resource.kind, resource];
  }),
);
const resource = (kind: string) => resources.get(kind) as Resource;
const deployment = resource("Deployment").spec;
const job = resource("Job").spec;
const [server] = deployment.template.spec.containers;
const [migration] = job.template.spec.containers;
const imageUser = readDockerfile().find(({ name }) => name === "USER")?.argument ?? "";

/** How a server is run: its settings, what its environment has, and where it finds files. */
const FORMS = {
  Compose: {
    settings: read("store-postgres.yaml"),
    database: services.protostore.environment.PROTOSTORE_DATABASE ?? "",
    mounts: services.protostore.volumes.map((volume) => volume.split(":")[1] as string),
    serve: services.protostore.command,
    migrate: services.migrate.command,
  },
  Kubernetes: {
    settings: resource("ConfigMap").data["store.yaml"] ?? "",
    database: resource("ConfigMap").data.database ?? "",
    mounts: server.volumeMounts.map(({ mountPath }) => mountPath),
    serve: server.args,
    migrate: migration.args,
  },
};

type Form = (typeof FORMS)[keyof typeof FORMS];

const MOUNTED = /\/etc\/protostore\/[\w./-]+/g;

test.each(Object.entries(FORMS))("%s mounts what settings and address name", (_, form) => {
  const settings = form.settings.replaceAll(/^ *#.*$/gm, "");
  const named = [...settings.matchAll(MOUNTED), ...form.database.matchAll(MOUNTED)];
  expect(named.length).toBeGreaterThan(3);
  for (const [path] of named) {
    expect(
      form.mounts.some((mount) => path.startsWith(`${mount}/`)),
      path,
    ).toBe(true);
  }
  expect(form.database).not.toMatch(/:[^/@]*@/);
  expect(form.settings).not.toMatch(/^database/m);
});

test("the variables are some that commands read", () => {
  const variables = serveOptions(CHINOOK).map(({ envVar }) => envVar);
  const used = [
    ...Object.keys(services.protostore.environment),
    ...Object.keys(services.migrate.environment),
    ...[server, migration].flatMap(({ env }) => env.map(({ name }) => name)),
  ];
  expect(variables).toEqual(expect.arrayContaining(used));
  for (const { valueFrom } of [...server.env, ...migration.env]) {
    const { name, key } = valueFrom.configMapKeyRef;
    expect(name).toBe(resource("ConfigMap").metadata.name);
    expect(resource("ConfigMap").data[key]).toBeDefined();
  }
});

test("Compose makes the database that the servers ask for, and starts them after the migrations", () => {
  const { postgres, migrate, protostore } = services;
  const { POSTGRES_USER: user, POSTGRES_DB: name, ...made } = postgres.environment;
  const { hostname, username, pathname } = new URL(FORMS.Compose.database);
  expect([hostname, username, pathname]).toEqual(["postgres", user, `/${name}`]);
  expect(postgres.healthcheck.test?.join(" ")).toContain(`-U ${user} -d ${name}`);
  expect(made.POSTGRES_INITDB_ARGS).toBe("--locale=C --encoding=UTF8");
  expect(postgres.volumes).toContain(
    `./secrets/postgres-password:${made.POSTGRES_PASSWORD_FILE}:ro`,
  );
  expect(migrate.depends_on.postgres?.condition).toBe("service_healthy");
  expect(protostore.depends_on.migrate?.condition).toBe("service_completed_successfully");
  expect([migrate.user, protostore.user]).toEqual([imageUser, imageUser]);
  // So that a secret for one group is there for both.
  expect(postgres.user.split(":")[1]).toBe(imageUser.split(":")[1]);
  const [, from, to] = /^(\d+)-(\d+):50051$/.exec(protostore.ports[0] ?? "") ?? [];
  expect(Number(to) - Number(from) + 1).toBe(protostore.deploy.replicas);
  expect(Number(protostore.stop_grace_period.replace("s", ""))).toBeGreaterThan(2 * STOP_SECONDS);
});

test("Kubernetes has two servers, one of which may be taken away, and gives each time to stop", () => {
  expect(deployment.replicas).toBe(2);
  expect(deployment.strategy.rollingUpdate).toEqual({ maxSurge: 1, maxUnavailable: 0 });
  expect(resource("PodDisruptionBudget").spec.minAvailable).toBe(1);
  const { labels } = deployment.template.metadata;
  const selected = [
    deployment.selector.matchLabels,
    resource("PodDisruptionBudget").spec.selector.matchLabels,
    resource("Service").spec.selector,
    resource("NetworkPolicy").spec.podSelector.matchLabels,
  ];
  expect(selected).toEqual(selected.map(() => labels));
  // Nobody sends calls to the job.
  expect(job.template.metadata.labels).not.toMatchObject(labels);
  expect(resource("Service").spec.clusterIP).toBe("None");
  expect(server.livenessProbe).toMatchObject({ httpGet: { path: "/livez", port: "figures" } });
  expect(server.readinessProbe).toMatchObject({ httpGet: { path: "/readyz", port: "figures" } });
  const preStop = Number(server.lifecycle.preStop.exec.command[1]);
  const { terminationGracePeriodSeconds } = deployment.template.spec;
  expect(terminationGracePeriodSeconds).toBeGreaterThan(preStop + 2 * STOP_SECONDS);
});

test("Kubernetes migrates with the image that it serves, and neither may do more than it must", () => {
  expect(migration.image).toBe(server.image);
  expect(resource("Job").metadata.name).toBe(`protostore-migrate-${server.image.split(":")[1]}`);
  for (const { spec } of [job.template, deployment.template]) {
    const [container] = spec.containers;
    const { runAsUser, runAsGroup } = spec.securityContext;
    expect(`${runAsUser}:${runAsGroup}`).toBe(imageUser);
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
    const mounted = container.volumeMounts.map(({ name }) => name).sort();
    expect(mounted).toEqual(spec.volumes.map(({ name }) => name).sort());
  }
});

/** A text for files that lie in the folder. */
const placedIn = (folder: string, text: string) =>
  text.replaceAll(/\/etc\/protostore\/(?:secrets|postgres)\/(?:postgres-)?/g, `${folder}/`);

/** The address, of another server, which has no certificate. */
function addressAt(url: string, folder: string, { database }: Form): string {
  const address = new URL(placedIn(folder, database));
  const { host, pathname, username } = new URL(url);
  Object.assign(address, { host, pathname, username });
  address.searchParams.set("sslmode", "disable");
  address.searchParams.delete("sslrootcert");
  return address.toString();
}

test("what they run makes the tables and serves them, one server by Compose and one by Kubernetes", async () => {
  const empty = await makeEmptyDatabase();
  onTestFinished(() => empty.drop());
  const folder = tempDir();
  writeFileSync(join(folder, "password"), "not asked for\n");
  const { Compose, Kubernetes } = FORMS;
  expect(Kubernetes.migrate).toEqual(Compose.migrate);
  const migrate = `PROTOSTORE_DATABASE='${addressAt(empty.url, folder, Compose)}' protostore ${Compose.migrate.join(" ")}`;
  const migrated = await runShell(folder, migrate, [commandFolder()]);
  expect(migrated).toMatchObject({ code: 0, output: expect.stringContaining("applied 000005") });

  const start = (form: Form, port: number | undefined) => {
    const settings = placedIn(folder, form.settings)
      .replace(/^metrics-address: .*$/m, `metrics-address: 127.0.0.1:${port}`)
      // Keys and tokens are what other tests are about.
      .replaceAll(/^(?:address|tls-cert|tls-key|tokens|reflection): .*$/gm, "");
    const file = join(folder, `store-${port}.yaml`);
    writeFileSync(file, settings);
    const [command, ...options] = form.serve;
    expect(command).toBe("serve");
    const args = options.map((each) => (each === "/etc/protostore/store.yaml" ? file : each));
    const PROTOSTORE_DATABASE = addressAt(empty.url, folder, form);
    return startServerWith({ PROTOSTORE_DATABASE }, ...args);
  };
  const [one, two] = await freePorts(2);
  const [first, second] = await Promise.all([start(Compose, one), start(Kubernetes, two)]);
  const probe = async (path: string, port = two) =>
    (await fetch(`http://127.0.0.1:${port}${path}`)).status;
  await expect.poll(() => probe("/readyz", one), { timeout: 30_000 }).toBe(200);
  await expect.poll(() => probe("/readyz"), { timeout: 30_000 }).toBe(200);

  const [writer, reader] = [connect(first.address), connect(second.address)];
  onTestFinished(() => {
    for (const each of [writer, reader]) each.close();
  });
  const artist = { displayName: "A" };
  const { name } = await writer.service(ArtistService).createArtist({ artist });
  expect((await first.end("SIGTERM")).code).toBe(0);
  expect(await reader.service(ArtistService).getArtist({ name })).toMatchObject(artist);
  expect([await probe("/livez"), await probe("/readyz")]).toEqual([200, 200]);
});
