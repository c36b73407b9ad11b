// Three servers on one PostgreSQL, behind a balancer that knows nothing of them. One of them is killed
// again and again, connections are cut on both sides, and what was acknowledged is there, once.
// SERVER_KILLS says how many faults there are.

import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { makePostgresDatabase, openPostgresAt } from "../contract/postgres-store.ts";
import { type ServerProcess, startServerProcess } from "../service/cli.ts";
import { postgresServer } from "../support/postgres.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";
import { startLoad } from "./acknowledged-load.ts";

const FAULTS = Number(process.env.SERVER_KILLS ?? 4);
const SERVERS = 3;
const WRITES_BETWEEN = 100;
const BETWEEN_MS = 500;

const portOf = ({ address }: ServerProcess) => Number(address.split(":").at(-1));

test("servers that are killed lose nothing, and do nothing twice", async () => {
  const { url } = await makePostgresDatabase(onTestFinished);
  const { admin } = await postgresServer();
  const start = () => startServerProcess("--database", url, "--log-level", "error");
  const servers = await Promise.all(Array.from({ length: SERVERS }, start));
  let turn = 0;
  const balancer = await startTcpProxy(() => portOf(servers[turn++ % SERVERS] as ServerProcess));
  const load = startLoad(`127.0.0.1:${balancer.port}`, openPostgresAt(url));
  const faults = [
    async (place: number) => {
      await servers[place]?.end("SIGKILL");
      servers[place] = await start();
    },
    async () => balancer.cut(),
    () =>
      admin(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'protostore' ORDER BY random() LIMIT 4",
      ),
  ];
  for (let fault = 0; fault < FAULTS; fault++) {
    // Every other one is a kill.
    const cause = faults[fault % 2 === 0 ? 0 : 1 + ((fault >> 1) % 2)];
    await Promise.all([cause?.(fault % SERVERS), load.until(WRITES_BETWEEN), sleep(BETWEEN_MS)]);
  }
  await load.judge();
  expect(load.acknowledged).toBeGreaterThan(FAULTS * WRITES_BETWEEN);
  report({ faults: FAULTS, load });
});

function report({
  faults,
  load,
}: {
  readonly faults: number;
  readonly load: ReturnType<typeof startLoad>;
}) {
  const { acknowledged, sentAgain, longestGapMs } = load;
  const gap = `${Math.round(longestGapMs)} ms`;
  process.stdout.write(
    `${faults} faults, ${acknowledged} acknowledged, ${sentAgain} sent again by the client, longest pause ${gap}\n`,
  );
}
