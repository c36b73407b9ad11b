// The upgrade and the way back that docs/operations.md describes: a release with one migration more is that
// release here, the same program with another folder of migrations.

import { cpSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { runShell } from "../support/recipe-programs.ts";
import { tempDir } from "../support/temp.ts";
import { outsideTool, REPO_ROOT } from "../support/tools.ts";
import { commandFolder, freePorts } from "./support.ts";

const curl = outsideTool("curl");

const STEPS = `
serve() {
  protostore serve --database store.db --address 127.0.0.1:CALLS --metrics-address 127.0.0.1:FIGURES "$@" >log 2>&1 &
  server=$!
  until grep -q '"msg":"serving"' log; do sleep 0.05; done
}
probe() { curl -s -o probe.txt -w '%{http_code}' http://127.0.0.1:FIGURES/$1; echo " $1"; }
stop() { kill $server; wait $server; }

echo "-- the old release"
serve
probe readyz
protostore backup --database store.db --to backups before-upgrade >backup.txt
protostore backup verify backups
stop
echo "-- the new one, which is not migrated"
protostore migrate plan --migrations new --database store.db | grep labels
serve --migrations new
probe livez
probe readyz
protostore migrate up --migrations new --database store.db | tail -n 1
until [ "$(probe readyz)" = "200 readyz" ]; do sleep 0.1; done
probe readyz
stop
echo "-- the old one, on its file"
serve
probe livez
probe readyz
grep -o '"code":"[A-Z_]*"' log | head -n 1
stop
echo "-- back by the backup"
protostore restore backups/before-upgrade.db --database store.db | head -n 1
serve
probe readyz
stop
echo "-- back by the new release's own migration"
protostore migrate up --migrations new --database store.db | tail -n 1
protostore migrate down --migrations new --database store.db | tail -n 1
serve
probe readyz
stop
`;

test.skipIf(!curl)("an upgrade with a migration, and both ways back", async () => {
  const folder = tempDir();
  cpSync(join(REPO_ROOT, "migrations", "sqlite"), join(folder, "new"), { recursive: true });
  const added = join(folder, "new", "000099_labels");
  writeFileSync(`${added}.up.sql`, "CREATE TABLE labels (id INTEGER PRIMARY KEY);\n");
  writeFileSync(`${added}.down.sql`, "DROP TABLE labels;\n");
  const [calls, figures] = await freePorts(2);
  const steps = STEPS.replaceAll("CALLS", `${calls}`).replaceAll("FIGURES", `${figures}`);
  const atEnd = "trap 'kill -9 $server 2>end.txt || true' EXIT\n";
  const path = [commandFolder(), dirname(curl as string)];
  const { code, output } = await runShell(folder, atEnd + steps, path);
  expect(output.replaceAll(/\b[1-9]\d? -> /g, "N -> ").replaceAll(/-> [1-8]?\d$/gm, "-> N")).toBe(
    `-- the old release
200 readyz
backups/before-upgrade.db: whole, revision 0
-- the new one, which is not migrated
version N -> 99, by 000099_labels:
  + table labels
200 livez
503 readyz
version N -> 99
200 readyz
-- the old one, on its file
200 livez
503 readyz
"code":"SCHEMA_MISMATCH"
-- back by the backup
restored store.db to revision 0
200 readyz
-- back by the new release's own migration
version N -> 99
version N -> N
200 readyz
`,
  );
  expect(code).toBe(0);
});
