// A primary and a standby that has each commit before it is acknowledged: the primary ends in the middle of
// commits, and comes back, or the standby takes its place. Servers follow by themselves, and what was
// acknowledged is there, once. FAILOVERS says how often.

import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { migrate, openPostgresAt } from "../contract/postgres-store.ts";
import { type ServerProcess, startServerProcess } from "../service/cli.ts";
import { startPostgresPair } from "../support/postgres-pair.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";
import { startLoad } from "./acknowledged-load.ts";

const FAILOVERS = Number(process.env.FAILOVERS ?? 1);
const WRITES_BETWEEN = 100;
const BETWEEN_MS = 500;

test("servers follow a standby that becomes the primary, and lose nothing", async () => {
  const pair = await startPostgresPair();
  await pair.onPrimary("CREATE DATABASE store TEMPLATE template0");
  await migrate(pair.primaryUrlOf("store"));
  const url = pair.urlOf("store");
  const replicas = [pair.standbyUrlOf("store"), pair.primaryUrlOf("store")];
  const replicaArgs = ["--database-replica", replicas.join(",")];
  const start = () => startServerProcess("--database", url, ...replicaArgs, "--log-level", "error");
  const servers = await Promise.all([start(), start()]);
  let turn = 0;
  const portOf = ({ address }: ServerProcess) => Number(address.split(":").at(-1));
  const balancer = await startTcpProxy(() => portOf(servers[turn++ % 2] as ServerProcess));
  const load = startLoad(`127.0.0.1:${balancer.port}`, openPostgresAt(url));
  const goOn = () => Promise.all([load.until(WRITES_BETWEEN), sleep(BETWEEN_MS)]);
  await goOn();
  for (let failover = 0; failover < FAILOVERS; failover++) {
    await pair.killPrimary("SIGQUIT");
    await pair.restartPrimary();
    await pair.isSynchronous();
    await goOn();
    await pair.killPrimary("SIGKILL");
    await pair.promote();
    await goOn();
    if (failover + 1 === FAILOVERS) break;
    await pair.addStandby();
    await goOn();
  }
  await load.judge();
  const { acknowledged, sentAgain, longestGapMs } = load;
  expect(acknowledged).toBeGreaterThan(FAILOVERS * WRITES_BETWEEN);
  process.stdout.write(
    `${FAILOVERS} crashes and as many failovers, ${acknowledged} acknowledged, ${sentAgain} sent again by the client, ` +
      `longest pause ${Math.round(longestGapMs)} ms\n`,
  );
});
