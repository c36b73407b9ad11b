// TLS: who cannot shake hands reaches nothing, certificates are replaced without a call lost, and a
// client certificate says who calls.

import { execFileSync } from "node:child_process";
import { copyFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect as connectHttp2 } from "node:http2";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { credentials, status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TrackService } from "../../gen/chinook/v1/track_pb.ts";
import { statusOf } from "../grpc/support.ts";
import { runCli, startServerProcess } from "../service/cli.ts";
import { startTestService } from "../support/service.ts";
import { makeTempDir, tempDir } from "../support/temp.ts";
import { outsideTool } from "../support/tools.ts";
import { openClient, refusalOf, tokenFile } from "./support.ts";

const openssl = outsideTool("openssl");

const { listTracks, createTrack } = TrackService.method;

/** Files of certificates, made anew: two authorities, and certificates of theirs. */
function makeCertificates(folder: string): void {
  const run = (...args: readonly string[]) =>
    execFileSync(openssl as string, args, { cwd: folder, stdio: "pipe" });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  const authority = (name: string) =>
    run(
      "req",
      "-x509",
      ...key,
      "-keyout",
      `${name}.key`,
      "-out",
      `${name}.pem`,
      "-days",
      "2",
      "-subj",
      `/CN=${name}`,
    );
  const issue = (name: string, ca: string, subject: string, ...time: readonly string[]) => {
    run("req", ...key, "-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", subject);
    writeFileSync(join(folder, "names"), "subjectAltName=DNS:localhost,IP:127.0.0.1");
    const period = time.length > 0 ? time : ["-days", "2"];
    run(
      "x509",
      "-req",
      "-in",
      `${name}.csr`,
      "-CA",
      `${ca}.pem`,
      "-CAkey",
      `${ca}.key`,
      "-CAcreateserial",
      "-extfile",
      "names",
      "-out",
      `${name}.pem`,
      ...period,
    );
  };
  authority("ca");
  authority("other-ca");
  issue("server", "ca", "/CN=server");
  issue("next", "ca", "/CN=next");
  issue("reports", "ca", "/CN=reports");
  issue("nobody", "ca", "/CN=nobody");
  issue("two", "ca", "/CN=nobody/CN=reports");
  issue("stranger", "other-ca", "/CN=reports");
  issue("expired", "ca", "/CN=reports", "-days", "-1");
}

describe.skipIf(!openssl)("TLS", () => {
  const folder = makeTempDir();
  const files = {
    path: (name: string) => join(folder, name),
    read: (name: string) => readFileSync(join(folder, name)),
  };
  // What is skipped is described all the same.
  beforeAll(() => makeCertificates(folder));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const clientAs = (name?: string) =>
    name === undefined
      ? credentials.createSsl(files.read("ca.pem"))
      : credentials.createSsl(
          files.read("ca.pem"),
          files.read(`${name}.key`),
          files.read(`${name}.pem`),
        );

  const tls = { certificate: files.path("server.pem"), key: files.path("server.key") };
  const mutual = {
    tls: { ...tls, clientCa: files.path("ca.pem") },
    access: { clientRoles: { reports: "reader" } },
  } as const;

  test("a call comes through, and nothing that is not encrypted", async () => {
    const { address } = await startTestService({ access: { tls } });
    expect(await refusalOf(openClient(address, clientAs()), listTracks)).toBeUndefined();
    const plain = await refusalOf(openClient(address), listTracks);
    expect(plain?.code).toBe(status.UNAVAILABLE);
  });

  test("of eight bad handshakes none reaches a handler", async () => {
    const folder = tempDir();
    const auditLog = join(folder, "audit.log");
    const { address } = await startTestService({ access: { ...mutual, auditLog } });
    const [host = "", port = ""] = address.split(":");
    const raw = (options: object) =>
      new Promise<string>((resolve) => {
        const socket = connectTls({
          host,
          port: Number(port),
          ca: files.read("ca.pem"),
          ALPNProtocols: ["h2"],
          ...options,
        });
        // With TLS 1.3 a client learns of its refusal from what it reads.
        socket.on("secureConnect", () => socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
        socket.on("data", () => resolve("answered"));
        socket.on("error", () => resolve("refused"));
        socket.on("close", () => resolve("refused"));
      });
    const own = { cert: files.read("reports.pem"), key: files.read("reports.key") };
    const outcomes = {
      "no certificate": await raw({}),
      "of another authority": await raw({
        cert: files.read("stranger.pem"),
        key: files.read("stranger.key"),
      }),
      expired: await raw({ cert: files.read("expired.pem"), key: files.read("expired.key") }),
      "signed by itself": await raw({
        cert: files.read("other-ca.pem"),
        key: files.read("other-ca.key"),
      }),
      "TLS 1.1": await raw({
        ...own,
        minVersion: "TLSv1.1",
        maxVersion: "TLSv1.1",
        ciphers: "ALL@SECLEVEL=0",
      }),
      "TLS 1.0": await raw({
        ...own,
        minVersion: "TLSv1",
        maxVersion: "TLSv1",
        ciphers: "ALL@SECLEVEL=0",
      }),
      "HTTP/1.1": await raw({ ...own, ALPNProtocols: ["http/1.1"] }),
      plaintext:
        (await refusalOf(openClient(address), createTrack))?.code === status.UNAVAILABLE
          ? "refused"
          : "answered",
    };
    expect(new Set(Object.values(outcomes))).toEqual(new Set(["refused"]));
    expect(Object.keys(outcomes)).toHaveLength(8);
    expect(readFileSync(auditLog, "utf8")).toBe("");
    // The same client with its own certificate is answered: it was not for anything else.
    expect(await raw(own)).toBe("answered");
    await refusalOf(openClient(address, clientAs("reports")), createTrack);
    expect(readFileSync(auditLog, "utf8")).toContain("PERMISSION_DENIED");
  });

  test("a certificate has the role of its common name, and none if it has another, or two", async () => {
    const { address } = await startTestService({ access: mutual });
    const reports = openClient(address, clientAs("reports"));
    expect(await refusalOf(reports, listTracks)).toBeUndefined();
    const refusal = await refusalOf(reports, createTrack);
    expect(refusal && statusOf(refusal).errorInfo?.metadata.principal).toBe("cert:reports");
    for (const name of ["nobody", "two"]) {
      const client = openClient(address, clientAs(name));
      expect((await refusalOf(client, listTracks))?.code, name).toBe(status.UNAUTHENTICATED);
    }
  });

  test("the commands that ask a server prove who they are", async () => {
    const { file, texts } = tokenFile({ admin: { role: "admin" }, reader: {} });
    const access = { tls, access: { tokens: file } };
    const { address } = await startTestService({ access });
    const tokens = Object.entries<string>(texts).map(([name, text]): [string, string] => {
      const path = join(tempDir(), name);
      writeFileSync(path, `${text}\n`);
      return [name, path];
    });
    const { admin, reader } = Object.fromEntries(tokens);
    const status = (...more: readonly string[]) =>
      runCli("status", "--json", "--address", address, ...more);
    const ca = ["--tls-ca", files.path("ca.pem")];
    const { code, stdout } = await status(...ca, "--token-file", admin ?? "");
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ conditions: [], server: { limitRefusals: {} } });
    for (const [args, reason] of [
      [ca, "the call has no credentials"],
      [[...ca, "--token-file", reader], "token:reader may not call"],
      [[...ca, "--token-file", "absent"], "cannot be read"],
      [["--token-file", admin], "no server answers there"],
    ] as const) {
      const refused = await status(...args.map(String));
      expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining(reason) });
    }
  });

  test("certificates are replaced while calls go on, and stay as they were while they cannot be used", async () => {
    const folder = tempDir();
    const own = { certificate: join(folder, "tls.pem"), key: join(folder, "tls.key") };
    const use = (name: string, parts: readonly ("pem" | "key")[] = ["pem", "key"]) => {
      for (const part of parts)
        copyFileSync(files.path(`${name}.${part}`), join(folder, `tls.${part}`));
    };
    use("server");
    const { address } = await startTestService({ access: { tls: own } });
    const served = () =>
      new Promise<string>((resolve, reject) => {
        const session = connectHttp2(
          `https://${address}`,
          { ca: files.read("ca.pem") },
          (_, socket) => {
            const { CN } = (socket as ReturnType<typeof connectTls>).getPeerCertificate().subject;
            session.close();
            resolve(String(CN));
          },
        );
        session.on("error", reject);
      });
    const client = openClient(address, clientAs());
    const failures: unknown[] = [];
    let isOver = false;
    const calls = (async () => {
      while (!isOver) failures.push(await refusalOf(client, listTracks));
    })();
    expect(await served()).toBe("server");
    // A certificate with the key of another.
    use("next", ["pem"]);
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(await served()).toBe("server");
    use("next");
    await expect.poll(served, { timeout: 20_000 }).toBe("next");
    isOver = true;
    await calls;
    expect(failures.length).toBeGreaterThan(10);
    expect(failures.filter((failure) => failure !== undefined)).toEqual([]);
  });

  test("the first words of a server show what a client needs", async () => {
    const { file } = tokenFile({ reader: {} });
    const args = ["--database", join(tempDir(), "x.db"), "--tokens", file];
    const pair = [
      "--tls-cert",
      join(folder, "server.pem"),
      "--tls-key",
      join(folder, "server.key"),
    ];
    const server = await startServerProcess(...args, ...pair);
    const { stdout } = server.output();
    expect(stdout).toContain("grpcurl -cacert CA.PEM -H 'authorization: Bearer TOKEN' 127.0.0.1:");
    expect(stdout).not.toContain("-plaintext");
  });
});
