// How a server of PostgreSQL is reached: addresses and libpq's variables, passwords and their files, and TLS
// with libpq's meaning of each mode, on a real server.

import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import pino from "pino";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readAddress } from "../../src/database/postgres/address.ts";
import { explainPostgresError } from "../../src/database/postgres/errors.ts";
import { openSession } from "../../src/database/postgres/session.ts";
import { StoreError } from "../../src/errors.ts";
import { postgresServer } from "../support/postgres.ts";
import { startTestService } from "../support/service.ts";
import { makeTempDir } from "../support/temp.ts";
import { outsideTool } from "../support/tools.ts";

const SECRET = "s%:cret";
/** As who starts a server learns of what has failed. */
const REFUSED = "DATABASE_UNAVAILABLE";

const folder = makeTempDir();
const file = (name: string) => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What a statement answers over a connection to this address. */
async function ask(url: string, sql: string): Promise<unknown> {
  const session = await openSession({ url, connectTimeoutMs: 5_000 }).catch((error: unknown) => {
    throw explainPostgresError(error);
  });
  try {
    return (await session.all({ sql, parameters: [] }))[0]?.[0];
  } finally {
    await session.close();
  }
}

const USER = "SELECT current_user";
const IS_ENCRYPTED = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";

/** Rules of who is let in, before those that there are. */
async function addRules(...rules: readonly string[]): Promise<void> {
  const server = await postgresServer();
  const session = await openSession({ url: server.urlOf("postgres"), connectTimeoutMs: 5_000 });
  const [[hba] = []] = await session.all({ sql: "SHOW hba_file", parameters: [] });
  writeFileSync(hba as string, [...rules, readFileSync(hba as string, "utf8")].join("\n"));
  await session.script("SELECT pg_reload_conf()");
  await session.close();
}

/** Addresses of the server: `locked` has a password, `coded` may only come encrypted. */
async function prepareServer(): Promise<(user: string, parameters?: string) => string> {
  const server = await postgresServer();
  await server.admin(`CREATE ROLE locked LOGIN PASSWORD '${SECRET}'`);
  for (const name of ["coded", "certified"]) await server.admin(`CREATE ROLE ${name} LOGIN`);
  await addRules(
    "host all locked all scram-sha-256",
    "hostssl all coded all trust",
    "host all coded all reject",
  );
  const { host } = new URL(server.urlOf("postgres"));
  return (user, parameters = "") => `postgres://${user}@${host}/postgres?${parameters}`;
}

let url: Awaited<ReturnType<typeof prepareServer>>;
beforeAll(async () => {
  url = await prepareServer();
}, 60_000);

describe("addresses", () => {
  test("what an address does not say, libpq's variables do", () => {
    const environment = {
      PGHOST: "db",
      PGPORT: "6000",
      PGUSER: "app",
      PGPASSFILE: "/p",
      PGSSLMODE: "",
    };
    expect(readAddress("postgres://", environment)).toEqual({
      host: "db",
      port: "6000",
      user: "app",
      passfile: "/p",
    });
    const full = "postgresql://a%40b:c%2Fd@[::1]:7000/e%20f?sslmode=require&options=-c%20x%3D1";
    expect(readAddress(full, environment)).toMatchObject({
      host: "::1",
      port: "7000",
      user: "a@b",
      password: "c/d",
      dbname: "e f",
      sslmode: "require",
      options: "-c x=1",
    });
    const socket = "postgres:///shop?host=/run/postgresql&password_file=/s";
    expect(readAddress(socket, { PGPASSWORD: "other" })).toEqual({
      host: "/run/postgresql",
      dbname: "shop",
      password_file: "/s",
    });
  });

  test.each([
    ["postgres://u:hidden@h:port/x", /cannot be read/],
    ["postgres://u:hid%den@h/x", /cannot be read/],
    ["postgres://u:hidden@h/x?gssencmode=require", /has gssencmode/],
    ["postgres://u:hidden@h/x?port=70000", /port of the database must be from 1 to 65535/],
    ["postgres://u:hidden@h/x?connect_timeout=soon", /connect_timeout/],
    ["postgres://u:hidden@h/x?sslmode=allow", /sslmode of the database is none of/],
    ["postgres://u:hidden@h/x?sslmode=verify-ca", /needs an sslrootcert/],
    ["postgres://u:hidden@h/x?sslmode=require&sslrootcert=system", /needs an sslrootcert/],
    ["postgres://u:hidden@h/x?sslcert=/c", /need each other/],
  ])("%s is refused, without its password", async (address, reason) => {
    const error: unknown = await ask(address, USER).catch((each: unknown) => each);
    expect(error).toBeInstanceOf(StoreError);
    expect(error).toMatchObject({ code: "INVALID_CONFIG", message: expect.stringMatching(reason) });
    expect(String((error as StoreError).stack)).not.toMatch(/hid/);
  });
});

describe("passwords", () => {
  test("it comes from the address, its file, or a line of libpq's file that is for the account", async () => {
    expect(await ask(url(`locked:${encodeURIComponent(SECRET)}`), USER)).toBe("locked");
    const passwordFile = file("password");
    writeFileSync(passwordFile, `${SECRET}\n`);
    expect(await ask(url("locked", `password_file=${passwordFile}`), USER)).toBe("locked");
    // It is read for each connection.
    writeFileSync(passwordFile, "wrong");
    await expect(ask(url("locked", `password_file=${passwordFile}`), USER)).rejects.toMatchObject({
      code: REFUSED,
    });
    const lines = [
      "# locked",
      "other:*:*:locked:no",
      `127.0.0.1:*:post\\gres:lo\\cked:${SECRET.replace(":", "\\:")}`,
    ];
    writeFileSync(file("pass"), lines.join("\n"), { mode: 0o600 });
    expect(await ask(url("locked", `passfile=${file("pass")}`), USER)).toBe("locked");
    chmodSync(file("pass"), 0o640);
    await expect(ask(url("locked", `passfile=${file("pass")}`), USER)).rejects.toThrow(/chmod 600/);
  });

  test("without the right one nothing is served, and who starts it learns why, but no password", async () => {
    const lines: string[] = [];
    const log = pino({ level: "trace" }, { write: (line: string) => void lines.push(line) });
    const told = [
      [url("locked:wr0ng"), 'password authentication failed for user "locked"'],
      [url("locked"), "the server asks for a password, and there is none"],
      [url("locked:wr0ng", `password_file=${file("absent")}`), "password authentication failed"],
      [url("locked", `password_file=${file("absent")}`), "ENOENT"],
      [url("coded", "sslmode=disable"), "pg_hba.conf rejects connection"],
    ] as const;
    for (const [database, reason] of told) {
      const error: unknown = await startTestService({ database, log }).catch(
        (each: unknown) => each,
      );
      expect(error).toMatchObject({ code: REFUSED, message: expect.stringContaining(reason) });
      log.error({ err: error });
      expect(String((error as StoreError).stack)).not.toContain("wr0ng");
    }
    expect(lines.join()).toContain("password authentication failed");
    expect(lines.join()).not.toContain("wr0ng");
  });
});

const openssl = outsideTool("openssl");

describe.skipIf(!openssl)("TLS", () => {
  /** Two authorities; certificates of the first for the server, by its address or by another, and for a client. */
  function makeCertificates(): void {
    const run = (...args: readonly string[]) =>
      execFileSync(openssl as string, args, { cwd: folder, stdio: "pipe" });
    const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
    const authority = (name: string) =>
      run(
        "req",
        "-x509",
        ...key,
        "-keyout",
        `${name}.key`,
        "-out",
        `${name}.pem`,
        "-subj",
        `/CN=${name}`,
      );
    const issue = (name: string, alternative: string) =>
      run(
        ...["req", "-x509", ...key, "-CA", "ca.pem", "-CAkey", "ca.key", "-subj", `/CN=${name}`],
        ...[
          "-keyout",
          `${name}.key`,
          "-out",
          `${name}.pem`,
          "-addext",
          `subjectAltName=${alternative}`,
        ],
      );
    authority("ca");
    authority("other");
    issue("server", "IP:127.0.0.1");
    issue("elsewhere", "DNS:db.example.com");
    issue("certified", "DNS:certified");
  }

  /** Has the server show a certificate. */
  async function present(name: string): Promise<void> {
    const session = await openSession({ url: url("postgres"), connectTimeoutMs: 5_000 });
    const [[data] = []] = await session.all({ sql: "SHOW data_directory", parameters: [] });
    for (const each of [`${name}.pem`, `${name}.key`, "ca.pem"]) {
      const path = join(data as string, each);
      writeFileSync(path, readFileSync(file(each)), { mode: 0o600 });
      // The server is not root.
      if (process.getuid?.() === 0) chownSync(path, 65_534, 65_534);
    }
    await session.script(`ALTER SYSTEM SET ssl_cert_file = '${name}.pem'`);
    await session.script(`ALTER SYSTEM SET ssl_key_file = '${name}.key'`);
    await session.script("ALTER SYSTEM SET ssl_ca_file = 'ca.pem'");
    await session.script("ALTER SYSTEM SET ssl = on");
    await session.script("SELECT pg_reload_conf()");
    await session.close();
    // The new settings are in force in the processes that begin once the signal has come.
    while ((await ask(url("postgres"), "SHOW ssl_cert_file")) !== `${name}.pem`);
  }

  beforeAll(async () => {
    makeCertificates();
    await present("server");
    // Only a server that knows the authority takes a rule that asks for a certificate.
    await addRules("hostssl all certified all cert");
  }, 60_000);

  test("a server that has it is spoken to encrypted, unless it must not be", async () => {
    expect(await ask(url("postgres"), IS_ENCRYPTED)).toBe(1n);
    expect(await ask(url("coded"), USER)).toBe("coded");
    expect(await ask(url("postgres", "sslmode=disable"), IS_ENCRYPTED)).toBe(0n);
  });

  test("each mode checks what it says", async () => {
    const of = (mode: string, authority?: string) =>
      ask(
        url(
          "coded",
          `sslmode=${mode}${authority ? `&sslrootcert=${file(`${authority}.pem`)}` : ""}`,
        ),
        USER,
      );
    const unknown = { code: REFUSED, message: expect.stringMatching(/certificate/) };
    expect(await of("require")).toBe("coded");
    await expect(of("require", "other")).rejects.toMatchObject(unknown);
    await expect(of("verify-full")).rejects.toMatchObject(unknown);
    for (const mode of ["verify-ca", "verify-full"]) {
      expect(await of(mode, "ca")).toBe("coded");
      await expect(of(mode, "other")).rejects.toMatchObject(unknown);
    }
    await expect(of("verify-full", "absent")).rejects.toMatchObject({ message: /ENOENT/ });
    await present("elsewhere");
    expect(await of("verify-ca", "ca")).toBe("coded");
    await expect(of("verify-full", "ca")).rejects.toThrow(/does not match certificate's altnames/);
    await present("server");
  });

  test("a server that wants a certificate is shown one", async () => {
    const own = `sslcert=${file("certified.pem")}&sslkey=${file("certified.key")}`;
    expect(await ask(url("certified", own), USER)).toBe("certified");
    const stranger = own.replaceAll("certified.", "other.");
    for (const parameters of ["", stranger]) {
      const refused = ask(url("certified", parameters), USER);
      await expect(refused).rejects.toMatchObject({ code: REFUSED });
    }
  });
});
