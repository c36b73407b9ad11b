// A plain TCP proxy: passes bytes on to a target of its choice, and can cut, hold up or drop connections.
// Must not know what the bytes are, but for whoever watches them.

import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { onTestFinished } from "vitest";

/** What becomes of bytes on their way to the target. */
type Verdict = "pass" | "cut" | "pass and cut";

/** A proxy that listens. */
export interface TcpProxy {
  readonly port: number;
  /** How many connections it has. */
  readonly connections: number;
  /** Decides of bytes from clients; all of them pass if it is undefined. */
  watch: ((bytes: Buffer) => Verdict) | undefined;
  /** While it is true, nothing comes through in any direction, and nothing is closed. */
  isSilent: boolean;
  /** Cuts every connection. */
  cut(): void;
}

/** A proxy whose connections go to the port that `target` names; it is gone when the test is over. */
export async function startTcpProxy(target: () => number): Promise<TcpProxy> {
  const open = new Set<Socket>();
  const state: Pick<TcpProxy, "watch" | "isSilent"> = { watch: undefined, isSilent: false };

  function pair(client: Socket): void {
    const server = connect(target(), "127.0.0.1");
    let isPassed = false;
    const cut = () => {
      client.destroy();
      // What has passed must arrive: the target ends the connection when it has read it.
      if (!isPassed) server.destroy();
    };
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on("error", cut);
      socket.on("close", cut);
    }
    open.add(client);
    client.on("close", () => open.delete(client));
    server.on("data", (bytes) => {
      if (!state.isSilent && !isPassed) client.write(bytes);
    });
    client.on("data", (bytes: Buffer) => {
      if (state.isSilent) return;
      const verdict = state.watch?.(bytes) ?? "pass";
      if (verdict === "pass") server.write(bytes);
      else if (verdict === "cut") cut();
      else {
        isPassed = true;
        server.end(bytes);
        client.destroy();
      }
    });
  }

  const listener = createServer(pair).listen(0, "127.0.0.1");
  await once(listener, "listening");
  const cut = () => {
    for (const socket of open) socket.destroy();
  };
  onTestFinished(() => {
    listener.close();
    cut();
  });
  const { port } = listener.address() as { readonly port: number };
  return Object.defineProperties(state, {
    port: { value: port },
    connections: { get: () => open.size },
    cut: { value: cut },
  }) as TcpProxy;
}
