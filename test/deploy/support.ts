// What the tests of deploy/ and of docs/operations.md share: free ports, and the command as a package
// that is installed has it.

import { chmodSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { PACKAGE_PROGRAMS } from "../support/recipe-programs.ts";
import { tempDir } from "../support/temp.ts";
import { REPO_ROOT } from "../support/tools.ts";

/** Ports that nobody listens at. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, () => {
      const server = createServer();
      return new Promise<typeof server>((resolve) => {
        server.listen(0, "127.0.0.1", () => resolve(server));
      });
    }),
  );
  return Promise.all(
    servers.map((server) => {
      const { port } = server.address() as { port: number };
      return new Promise<number>((resolve) => server.close(() => resolve(port)));
    }),
  );
}

/** A folder with the command `protostore`. */
export function commandFolder(): string {
  const folder = tempDir();
  const command = join(folder, "protostore");
  const [node, main] = [join(PACKAGE_PROGRAMS, "node"), join(REPO_ROOT, "src", "main.ts")];
  writeFileSync(command, `#!/bin/sh\nexec '${node}' '${main}' "$@"\n`);
  chmodSync(command, 0o755);
  return folder;
}
