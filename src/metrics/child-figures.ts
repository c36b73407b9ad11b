// Figures of several server processes: the primary asks, its children answer, and what those that have
// ended had counted is kept. Must not wait long for one that does not answer.

import type { Worker } from "node:cluster";
import { addTogether } from "./exposition.ts";
import type { Family } from "./families.ts";
import type { Answering } from "./metrics-server.ts";
import type { FigureSource } from "./server-figures.ts";

interface Question {
  readonly ask: "figures" | "readiness";
  readonly id: number;
}

interface Reply {
  readonly answered: number;
  readonly isReady: boolean;
  readonly families: readonly Family[];
}

const ANSWER_TIMEOUT_MS = 2_000;

/** In a child: answers the primary. */
export function answerPrimary(figures: FigureSource): void {
  process.on("message", (message: Partial<Question>) => {
    const { ask, id } = message;
    if (ask === undefined || id === undefined) return;
    const families = ask === "figures" ? figures.families() : Promise.resolve([]);
    families.then(
      (found) => {
        const reply: Reply = { answered: id, isReady: figures.isReady(), families: found };
        // A primary that is gone is noticed elsewhere.
        if (process.connected) process.send?.(reply, undefined, undefined, () => {});
      },
      // It is waited for no longer than for one that is stuck.
      () => {},
    );
  });
}

/** In the primary: what its children, of which it is told, have counted. */
export interface ChildFigures extends Answering {
  /** Of one that serves. */
  add(worker: Worker): void;
}

/** Nobody's figures yet. */
export function createChildFigures(): ChildFigures {
  /** What each that serves has last told. */
  const last = new Map<Worker, readonly Family[]>();
  /** What those had counted that have ended: sums must not shrink. */
  let ended: readonly Family[] = [];
  let nextId = 0;

  function askAll(ask: Question["ask"]): Promise<readonly (readonly [Worker, Reply])[]> {
    const asked = [...last.keys()].map(async (worker) => {
      const reply = await askOne(worker, { ask, id: nextId++ });
      return reply ? [[worker, reply] as const] : [];
    });
    return Promise.all(asked).then((found) => found.flat());
  }

  async function keep(families: readonly Family[]): Promise<void> {
    const counted = families.filter(({ type }) => type !== "gauge");
    if (counted.length > 0) ended = await addTogether([ended, counted]);
  }

  return {
    add(worker) {
      last.set(worker, []);
      worker.once("exit", () => {
        const counted = last.get(worker) ?? [];
        last.delete(worker);
        void keep(counted);
      });
    },
    async isReady() {
      return (await askAll("readiness")).some(([, { isReady }]) => isReady);
    },
    async families() {
      for (const [worker, { families }] of await askAll("figures")) {
        if (last.has(worker)) last.set(worker, families);
      }
      // Of one that does not answer, what it told before.
      return [...last.values(), ended];
    },
  };
}

function askOne(worker: Worker, question: Question): Promise<Reply | undefined> {
  return new Promise((resolve) => {
    if (!worker.isConnected()) return resolve(undefined);
    const end = (reply?: Reply) => {
      clearTimeout(timer);
      worker.off("message", onMessage);
      worker.off("exit", onExit);
      resolve(reply);
    };
    const onMessage = (message: Partial<Reply>) => {
      if (message.answered === question.id) end(message as Reply);
    };
    const onExit = () => end();
    const timer = setTimeout(end, ANSWER_TIMEOUT_MS);
    worker.on("message", onMessage);
    worker.once("exit", onExit);
    worker.send(question, (error) => {
      if (error) end();
    });
  });
}
