// The options of `serve` that say who can connect, who may call, and what is written of it.
// Turns them into a part of Config; the files that they name are read elsewhere.

import { resolve } from "node:path";
import { InvalidArgumentError, Option } from "commander";
import { isRole } from "../access/principal.ts";
import type { AccessConfig, Config, Reflection, Role } from "../config.ts";
import { StoreError } from "../errors.ts";
import { parseSwitch, switchOption, variableOf } from "./shared-options.ts";

/** What the options are read into. */
export interface AccessOptions {
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsClientCa?: string;
  readonly insecure: boolean;
  readonly tokens?: string;
  readonly jwtJwks?: string;
  readonly jwtIssuer?: string;
  readonly jwtAudience?: string;
  readonly jwtRoleClaim: string;
  readonly clientRole?: Readonly<Record<string, Role>>;
  readonly reflection: Reflection;
  readonly auditLog?: string;
}

/** The options, in the order of the help. */
export function accessOptions(): readonly Option[] {
  return [
    fileOption("tls-cert", "the server's certificate, in PEM"),
    fileOption("tls-key", "its key, in PEM"),
    fileOption("tls-client-ca", "whose certificates clients must have, in PEM"),
    switchOption("insecure", "listen without TLS though other machines can connect and read along"),
    fileOption("tokens", "the tokens that callers must have, as protostore token makes them"),
    new Option(
      "--jwt-jwks <file or url>",
      "the keys of the issuer whose JSON web tokens callers may have",
    ).env("PROTOSTORE_JWT_JWKS"),
    new Option("--jwt-issuer <issuer>", "that issuer").env("PROTOSTORE_JWT_ISSUER"),
    new Option("--jwt-audience <audience>", "whom its tokens must be for").env(
      "PROTOSTORE_JWT_AUDIENCE",
    ),
    new Option("--jwt-role-claim <path>", "where they have the role, such as realm_access.roles")
      .env("PROTOSTORE_JWT_ROLE_CLAIM")
      .default("role"),
    new Option(
      "--client-role <name=role>",
      "the role of the client certificate with this common name; may be repeated",
    )
      .env("PROTOSTORE_CLIENT_ROLE")
      .argParser(parseClientRole),
    new Option("--reflection [on|authenticated|off]", "who is told what is served")
      .env("PROTOSTORE_REFLECTION")
      .default("on")
      .preset("on")
      .argParser(parseReflection),
    fileOption("audit-log", "write a line for each call that may write"),
  ];
}

function fileOption(name: string, description: string): Option {
  return new Option(`--${name} <file>`, description).env(variableOf(name));
}

/** What a program is told by its environment is one text: `reports=reader,backup=admin`. */
function parseClientRole(
  text: string,
  previous: Readonly<Record<string, Role>> = {},
): Readonly<Record<string, Role>> {
  const pairs = text.split(",").map((pair): [string, Role] => {
    const [, name, role] = /^(.+)=(\w+)$/.exec(pair) ?? [];
    if (name !== undefined && isRole(role)) return [name, role];
    throw new InvalidArgumentError("It must be like NAME=reader, NAME=writer or NAME=admin.");
  });
  return { ...previous, ...Object.fromEntries(pairs) };
}

function parseReflection(text: string, previous: Reflection): Reflection {
  if (text === "authenticated") return text;
  return parseSwitch(text, previous !== "off") ? "on" : "off";
}

/** @throws StoreError INVALID_CONFIG for options that say nothing without another one. */
export function readAccess(
  options: AccessOptions,
): Pick<Config, "tls" | "insecure" | "access" | "auditLog" | "reflection"> {
  const { insecure, reflection, auditLog, clientRole, tlsClientCa } = options;
  const access = readCredentials(options);
  if (clientRole && tlsClientCa === undefined) {
    throw incomplete("--client-role needs --tls-client-ca, by which certificates are checked");
  }
  if (reflection === "authenticated" && !access) {
    throw incomplete("--reflection=authenticated needs --tokens, --jwt-jwks or --client-role");
  }
  return {
    insecure,
    reflection,
    ...readTlsFiles(options),
    ...(access && { access }),
    ...(auditLog !== undefined && { auditLog: resolve(auditLog) }),
  };
}

function readTlsFiles({ tlsCert, tlsKey, tlsClientCa }: AccessOptions): Pick<Config, "tls"> {
  if (tlsCert === undefined && tlsKey === undefined && tlsClientCa === undefined) return {};
  if (tlsCert === undefined || tlsKey === undefined) {
    throw incomplete("TLS needs both --tls-cert and --tls-key");
  }
  const clientCa = tlsClientCa !== undefined && { clientCa: resolve(tlsClientCa) };
  return { tls: { certificate: resolve(tlsCert), key: resolve(tlsKey), ...clientCa } };
}

function readCredentials(options: AccessOptions): AccessConfig | undefined {
  const { tokens, jwtJwks, jwtIssuer, jwtAudience, jwtRoleClaim, clientRole } = options;
  const jwt = [jwtJwks, jwtIssuer, jwtAudience];
  if (jwt.some((it) => it !== undefined) && jwt.some((it) => it === undefined)) {
    throw incomplete("JSON web tokens need --jwt-jwks, --jwt-issuer and --jwt-audience");
  }
  if (tokens === undefined && jwtJwks === undefined && !clientRole) return undefined;
  return {
    ...(tokens !== undefined && { tokens: resolve(tokens) }),
    ...(jwtJwks !== undefined &&
      jwtIssuer !== undefined &&
      jwtAudience !== undefined && {
        jwt: {
          jwks: /^https?:/.test(jwtJwks) ? jwtJwks : resolve(jwtJwks),
          issuer: jwtIssuer,
          audience: jwtAudience,
          roleClaim: jwtRoleClaim,
        },
      }),
    ...(clientRole && { clientRoles: clientRole }),
  };
}

function incomplete(message: string): StoreError {
  return new StoreError("INVALID_CONFIG", message);
}
