// Carries out the steps of deploy/Dockerfile in a folder that is the root of the processes, with the
// machine's own programs, and starts what comes of it as the image would: read-only, and not as root.

import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { expect, test } from "vitest";
import { PACKAGE_PROGRAMS, runShell } from "../support/recipe-programs.ts";
import { tempDir } from "../support/temp.ts";
import { REPO_ROOT } from "../support/tools.ts";
import { readDockerfile } from "./dockerfile.ts";
import { freePorts } from "./support.ts";

const INSTRUCTIONS = readDockerfile();
const MODULES = join(REPO_ROOT, "node_modules");
const isPermitted = canChangeRoot();

/** False, with a word on the console, if this machine does not let us change the root. */
function canChangeRoot(): boolean {
  try {
    const script = "mount --bind /usr /mnt && chroot / true";
    execFileSync("unshare", ["--mount", "--pid", "--fork", "sh", "-c", script], {
      stdio: "ignore",
    });
    return true;
  } catch {
    console.warn("unshare, mount or chroot is not permitted: no step of the Dockerfile is run");
    return false;
  }
}

/** Copies what `COPY .` would. */
function copyContext(target: string): void {
  const ignored = readFileSync(join(REPO_ROOT, ".dockerignore"), "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
  expect(ignored).toEqual(expect.arrayContaining([".git", "node_modules", "data"]));
  cpSync(REPO_ROOT, target, {
    recursive: true,
    filter: (source) => {
      const path = relative(REPO_ROOT, source);
      const isArchive = ignored.includes("*.tgz") && path.endsWith(".tgz");
      return !ignored.includes(path) && !isArchive;
    },
  });
}

/** The machine's own programs, below another root. */
function makeRoot(): string {
  const root = join(tempDir(), "root");
  for (const folder of ["usr", "etc", "dev", "proc", "tmp", "build", "node"]) {
    mkdirSync(join(root, folder), { recursive: true });
  }
  // The accounts of node, as its image has them.
  writeFileSync(
    join(root, "etc", "passwd"),
    "root:x:0:0::/:/bin/sh\nnode:x:1000:1000::/:/bin/sh\n",
  );
  writeFileSync(join(root, "etc", "group"), "root:x:0:\nnode:x:1000:\n");
  return root;
}

const inQuotes = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

/** The shell commands that stand for the steps; what they mount is gone with the process. */
function stepsBelow(root: string, context: string): readonly string[] {
  let folder = "/";
  const run = (command: string) =>
    `chroot '${root}' /usr/bin/env -i HOME=/tmp npm_config_offline=true npm_config_update_notifier=false PATH="$path" sh -c ${inQuotes(`cd ${folder} && ${command}`)}`;
  return INSTRUCTIONS.flatMap(({ name, argument }) => {
    if (name === "WORKDIR") {
      folder = argument;
      return [`mkdir -p '${root}${folder}'`];
    }
    if (name === "COPY" && !argument.startsWith("--from=")) {
      const sources = argument.split(" ").slice(0, -1);
      const paths = sources.map((source) => `'${context}/${source}'`).join(" ");
      return [`cp -R ${paths} '${root}${folder}'`];
    }
    if (name !== "RUN") return [];
    if (!argument.startsWith("npm ci")) return [run(argument)];
    // For want of a net, the packages are linked.
    const modules = `'${root}${folder}/node_modules'`;
    return [
      `mkdir -p ${modules}`,
      `mount --bind '${MODULES}' ${modules}`,
      `mount -o remount,bind,ro ${modules}`,
    ];
  });
}

const argumentOf = (name: string) =>
  INSTRUCTIONS.findLast((instruction) => instruction.name === name)?.argument ?? "";
const wordsOf = (text: string) =>
  (JSON.parse(text.slice(text.indexOf("["))) as readonly string[]).map(inQuotes).join(" ");

test.skipIf(!isPermitted)("its steps make an image that serves, and changes no file", async () => {
  const root = makeRoot();
  const context = join(dirname(root), "context");
  copyContext(context);
  const [calls, figures] = await freePorts(2);
  const atPorts = (text: string) =>
    text.replaceAll("50051", `${calls}`).replaceAll("9464", `${figures}`);
  const command = atPorts(`${wordsOf(argumentOf("ENTRYPOINT"))} ${wordsOf(argumentOf("CMD"))}`);
  const probe = atPorts(wordsOf(argumentOf("HEALTHCHECK")));
  const script = `
path=/node:/usr/local/bin:/usr/bin:/bin:/usr/sbin
mount --bind '${root}' '${root}'
for folder in bin lib lib64 sbin; do
  if [ -L "/$folder" ]; then cp -P "/$folder" '${root}'; else mkdir '${root}'/$folder; mount --rbind /$folder '${root}'/$folder; fi
done
mount --rbind /usr '${root}/usr'
mount -t tmpfs none '${root}/usr/local/bin'
ln -s /usr/lib/node_modules/npm/bin/npm-cli.js '${root}/usr/local/bin/npm'
[ -e /usr/lib/node_modules/npm ] || ln -sf "$(readlink -f "$(command -v npm)")" '${root}/usr/local/bin/npm'
mount --bind "$(dirname "$(readlink -f '${join(PACKAGE_PROGRAMS, "node")}')")" '${root}/node'
mount -t proc proc '${root}/proc'
mount --rbind /dev '${root}/dev'
mount -t tmpfs -o mode=1777 none '${root}/tmp'
${stepsBelow(root, context).join("\n")}
for volume in ${argumentOf("VOLUME")}; do
  mount -t tmpfs -o mode=0700,uid=1000,gid=1000 none "${root}$volume"
done
mount -o remount,bind,ro '${root}'
cat >'${root}/tmp/inside' <<'END'
cd ${argumentOf("WORKDIR")}
touch /app/new /new 2>/dev/null && echo "its root can be written"
${command} && echo "it serves without TLS"
${command} --insecure >/tmp/log 2>&1 &
for time in $(seq 100); do if ${probe}; then echo healthy; break; fi; sleep 0.1; done
kill $!
wait $! && echo "ended well"
${probe} || echo "not healthy"
ls -A /data /backups
id -u
END
chroot --userspec=${argumentOf("USER")} '${root}' /usr/bin/env -i PATH="$path" sh /tmp/inside
`;
  const outer = `unshare --mount --pid --fork sh -c ${inQuotes(`set -e\n${script}`)}`;
  const { code, output } = await runShell(dirname(root), outer);
  expect(output).toContain("give --tls-cert and --tls-key, or --insecure if that is meant");
  expect(output.slice(output.indexOf("healthy"))).toBe(
    "healthy\nended well\nnot healthy\n/backups:\n\n/data:\nstore.db\nstore.db-migrate\n1000\n",
  );
  expect(output).not.toMatch(/can be written|without TLS\n/);
  expect(code).toBe(0);
});

test("it is made for the Node.js that the tests run on", () => {
  const { devDependencies } = JSON.parse(readFileSync(join(REPO_ROOT, "package.json"), "utf8")) as {
    devDependencies: Readonly<Record<string, string>>;
  };
  const images = INSTRUCTIONS.filter(({ name }) => name === "FROM");
  expect(images.length).toBeGreaterThan(1);
  for (const { argument } of images) expect(argument).toMatch(`node:${devDependencies.node}-`);
});
