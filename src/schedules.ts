// What a server does by itself at its times, as its settings say: backups, maintenance, copies of the log.
// Can be exchanged while it runs. Wiring only.

import type { Backups } from "./backups.ts";
import type { Config } from "./config.ts";
import type { ScheduledTask } from "./health/background.ts";
import { startCheckpoints } from "./health/checkpoints.ts";
import { type Maintainable, prepareMaintenance } from "./health/maintenance.ts";
import { changeLimits } from "./limits.ts";
import type { Log } from "./observe/log.ts";

/** What is done by itself. */
export interface Schedules {
  start(): void;
  /**
   * Does from now on what `next` says, and takes over its limits as far as they can be; what goes on is
   * finished as it was begun.
   * @throws StoreError INVALID_CONFIG if a schedule is of no use: then all stays as it was.
   */
  change(next: Config): Promise<void>;
  /** Ends what goes on. */
  stop(): Promise<void>;
}

/** What the schedules are for. */
interface Scheduled extends Maintainable {
  checkpoint: Parameters<typeof startCheckpoints>[0]["checkpoint"];
}

type Start = () => ScheduledTask | undefined;

/** Nothing is done for a database that is in no file. @throws StoreError INVALID_CONFIG if a schedule is of no use. */
export async function prepareSchedules(
  config: Config,
  database: Scheduled | undefined,
  backups: Backups,
  log: Log,
): Promise<Schedules> {
  const { readOnly, limits } = config;
  const tasks = new Map<string, { readonly settings: string; readonly task: ReturnType<Start> }>();
  const leaving = new Set<ScheduledTask>();

  /** Each by its name, with the settings that it is of. */
  async function prepare(next: Config): Promise<ReadonlyMap<string, [unknown, Start]>> {
    const { maintenance } = next;
    const { checkpointIntervalMs } = next.limits;
    if (!database) return new Map();
    const backup = await backups.prepareSchedule(next.backups, log);
    const maintain = await prepareMaintenance(database, readOnly ? undefined : maintenance, log);
    const copy: Start = () => (readOnly ? undefined : startCheckpoints(database, next.limits, log));
    return new Map<string, [unknown, Start]>([
      ["backups", [next.backups, () => backup?.()]],
      ["maintenance", [maintenance, () => maintain?.()]],
      ["checkpoints", [checkpointIntervalMs, copy]],
    ]);
  }

  function retire(task: ScheduledTask): void {
    leaving.add(task);
    void task.retire().then(() => leaving.delete(task));
  }

  function exchange(prepared: ReadonlyMap<string, [unknown, Start]>): void {
    for (const [name, [value, begin]] of prepared) {
      const settings = JSON.stringify(value) ?? "";
      const old = tasks.get(name);
      if (old?.settings === settings) continue;
      if (old?.task) retire(old.task);
      tasks.set(name, { settings, task: begin() });
    }
  }

  const first = await prepare(config);
  return {
    start: () => exchange(first),
    async change(next) {
      const prepared = await prepare(next);
      changeLimits(limits, next.limits);
      backups.use(next.backups);
      exchange(prepared);
    },
    async stop() {
      const all = [...[...tasks.values()].map(({ task }) => task), ...leaving];
      await Promise.all(all.map((task) => task?.stop()));
    },
  };
}
