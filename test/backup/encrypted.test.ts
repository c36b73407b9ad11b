// Encrypted backups: whatever is changed in one, cut off or exchanged is found, nothing is in plain where the
// backups are, and a reader that follows docs/backups.md and not our code finds what was encrypted.

import { createHash, randomBytes } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { DatabaseService } from "../../gen/protostore/v1/database_service_pb.ts";
import { makeBackupKey, readBackupKey } from "../../src/database/sqlite/backup/backup-key.ts";
import { findBackup, proveBackup } from "../../src/database/sqlite/backup/check-backup.ts";
import { listBackups } from "../../src/database/sqlite/backup/manifest.ts";
import { proveDatabase } from "../../src/database/sqlite/backup/prove.ts";
import { restoreBackup } from "../../src/database/sqlite/backup/restore.ts";
import { removeExpired, scheduledName } from "../../src/database/sqlite/backup/retention.ts";
import {
  CHUNK_BYTES,
  digestSealed,
  HEADER_BYTES,
  openSealedFile,
  sealFile,
} from "../../src/database/sqlite/backup/sealed-file.ts";
import { openClient } from "../access/support.ts";
import { callStream, collect } from "../grpc/support.ts";
import { runCli, startServerProcess } from "../service/cli.ts";
import { runService, startTestService } from "../support/service.ts";
import { makeTempDir, tempDir } from "../support/temp.ts";
import { artistsIn, askForBackup, backUp, dataOf, EXPECTED } from "./support.ts";

const PATIENT = { timeout: 20_000 };
const TAG_BYTES = 16;
const SEALED_CHUNK = CHUNK_BYTES + TAG_BYTES;

let source: string;
let database: string;
let keyFile: string;
let key: Uint8Array;

/** Two backups that are encrypted with one key, and one that is not. */
beforeAll(async () => {
  source = makeTempDir();
  database = join(source, "served.db");
  keyFile = join(source, "backup.key");
  key = makeBackupKey(keyFile);
  const service = await runService({ database, fixtures: true });
  await backUp(database, source, "one", key);
  await backUp(database, source, "two", key);
  await backUp(database, source, "open");
  await service.stop();
  return () => rmSync(source, { recursive: true, force: true });
});

const sealedOf = (folder: string, name: string) => join(folder, `${name}.db.enc`);

/** The bytes of a file of three chunks and a half, and the same encrypted. */
function sealedExample() {
  const folder = tempDir();
  const [plain, sealed] = [join(folder, "plain"), join(folder, "sealed")];
  const bytes = randomBytes(3.5 * CHUNK_BYTES);
  writeFileSync(plain, bytes);
  sealFile(plain, sealed, key);
  return { folder, bytes, sealed: readFileSync(sealed) };
}

/** The code with which these bytes are refused; undefined if they are not. */
function refusalOf(folder: string, bytes: Uint8Array, used = key): string | undefined {
  const path = join(folder, "changed");
  writeFileSync(path, bytes);
  try {
    digestSealed(path, used);
    return undefined;
  } catch (error) {
    return (error as { code?: string }).code;
  }
}

describe("the format", () => {
  test("gives back what was encrypted, of whatever length", () => {
    const folder = tempDir();
    const lengths = [0, 1, -1, 7].flatMap((rest) => [0, 1, 2].map((n) => n * CHUNK_BYTES + rest));
    for (const length of lengths.filter((each) => each >= 0)) {
      const paths = ["plain", "sealed", "again"].map((name) => join(folder, `${length}.${name}`));
      const [plain = "", sealed = "", again = ""] = paths;
      const bytes = randomBytes(length);
      writeFileSync(plain, bytes);
      expect(sealFile(plain, sealed, key)).toBe(createHash("sha256").update(bytes).digest("hex"));
      openSealedFile(sealed, again, key);
      expect(readFileSync(again).equals(bytes)).toBe(true);
      const chunks = Math.max(1, Math.ceil(length / CHUNK_BYTES));
      expect(statSync(sealed).size).toBe(HEADER_BYTES + length + chunks * TAG_BYTES);
      expect([sealed, again].map((path) => statSync(path).mode & 0o777)).toEqual([0o600, 0o600]);
      for (const path of paths) rmSync(path);
    }
  });

  test("no two files are the same, though their content is", () => {
    const [one, two] = ["one", "two"].map((name) => readFileSync(sealedOf(source, name)));
    expect(one?.subarray(28, HEADER_BYTES)).not.toEqual(two?.subarray(28, HEADER_BYTES));
  });

  test("any flipped bit is found", () => {
    const { folder, sealed } = sealedExample();
    const anywhere = fc.integer({ min: 0, max: sealed.length - 1 });
    // Each byte of the header, and the edges of chunks and their tags.
    const inHeader = fc.integer({ min: 0, max: HEADER_BYTES - 1 });
    const edge = fc
      .tuple(fc.integer({ min: 0, max: 4 }), fc.constantFrom(-17, -16, -1, 0))
      .map(([n, by]) => Math.min(HEADER_BYTES + n * SEALED_CHUNK + by, sealed.length - 1));
    const flip = fc.tuple(fc.oneof(anywhere, inHeader, edge), fc.integer({ min: 0, max: 7 }));
    fc.assert(
      fc.property(flip, ([at, bit]) => {
        const flipped = Buffer.from(sealed);
        flipped[at] = (flipped[at] ?? 0) ^ (1 << bit);
        const isKeyId = at >= 20 && at < 28;
        const expected = isKeyId ? "BACKUP_KEY_WRONG" : "BACKUP_INVALID";
        expect(refusalOf(folder, flipped), `byte ${at}`).toBe(expected);
      }),
      { numRuns: 300 },
    );
  });

  test("what is cut or longer is found", () => {
    const { folder, sealed } = sealedExample();
    const anywhere = fc.integer({ min: 0, max: sealed.length - 1 });
    const atEdge = fc.integer({ min: 0, max: 4 }).map((n) => HEADER_BYTES + n * SEALED_CHUNK);
    const length = fc.oneof(anywhere, atEdge).filter((each) => each < sealed.length);
    fc.assert(
      fc.property(length, (bytes) => {
        expect(refusalOf(folder, sealed.subarray(0, bytes)), `${bytes}`).toBe("BACKUP_INVALID");
      }),
      { numRuns: 100 },
    );
    for (const more of [1, TAG_BYTES, SEALED_CHUNK, sealed.length - HEADER_BYTES]) {
      const longer = Buffer.concat([sealed, sealed.subarray(HEADER_BYTES, HEADER_BYTES + more)]);
      expect(refusalOf(folder, longer)).toBe("BACKUP_INVALID");
    }
  });

  test("chunks that are moved, repeated, left out or another file's are found", () => {
    const { folder, sealed } = sealedExample();
    const other = sealedExample().sealed;
    const chunksOf = (file: Buffer) => {
      const count = Math.ceil((file.length - HEADER_BYTES) / SEALED_CHUNK);
      return Array.from({ length: count }, (_, n) =>
        file.subarray(HEADER_BYTES + n * SEALED_CHUNK, HEADER_BYTES + (n + 1) * SEALED_CHUNK),
      );
    };
    const [header, theirs] = [sealed.subarray(0, HEADER_BYTES), other.subarray(0, HEADER_BYTES)];
    const [a, b, c, d] = chunksOf(sealed) as [Buffer, Buffer, Buffer, Buffer];
    const [, x] = chunksOf(other) as [Buffer, Buffer];
    const code = (parts: readonly Buffer[]) => refusalOf(folder, Buffer.concat(parts));
    expect(code([header, a, b, c, d])).toBe(undefined);
    const wrong = [
      [header, b, a, c, d],
      [header, a, a, b, c, d],
      [header, a, c, d],
      [header, a, b, c],
      [header, a, b, d],
      [header, a, x, c, d],
      [theirs, a, b, c, d],
    ];
    for (const parts of wrong) expect(code(parts)).toBe("BACKUP_INVALID");
  });

  test("another key opens nothing, though the file says that it is of that key", () => {
    const { folder, sealed } = sealedExample();
    const wrong = makeBackupKey(join(folder, "wrong.key"));
    expect(refusalOf(folder, sealed, wrong)).toBe("BACKUP_KEY_WRONG");
    const [plain, theirs] = [join(folder, "plain"), join(folder, "theirs")];
    sealFile(plain, theirs, wrong);
    const renamed = Buffer.from(sealed);
    readFileSync(theirs).copy(renamed, 20, 20, 28);
    expect(refusalOf(folder, renamed, wrong)).toBe("BACKUP_INVALID");
  });

  test("another program reads it by what docs/backups.md says", async () => {
    const { subtle } = globalThis.crypto;
    const file = readFileSync(sealedOf(source, "one"));
    const header = file.subarray(0, 67);
    expect(header.toString("latin1", 0, 16)).toBe("protostore-enc-1");
    const text = readFileSync(keyFile, "utf8").trim();
    const material = await subtle.importKey("raw", Buffer.from(text, "base64"), "HKDF", false, [
      "deriveKey",
      "deriveBits",
    ]);
    const hkdf = (salt: Uint8Array, purpose: string) => ({
      name: "HKDF",
      hash: "SHA-256",
      salt: new Uint8Array(salt),
      info: new TextEncoder().encode(`protostore-enc-1 ${purpose}`),
    });
    const id = await subtle.deriveBits(hkdf(Buffer.alloc(0), "key id"), material, 64);
    expect(Buffer.from(id).equals(header.subarray(20, 28))).toBe(true);
    const aes = { name: "AES-GCM", length: 256 };
    const derivation = hkdf(header.subarray(28, 60), "data");
    const dataKey = await subtle.deriveKey(derivation, material, aes, false, ["decrypt"]);
    const step = header.readUInt32BE(16) + 16;
    const plain: Buffer[] = [];
    for (let at = 67, index = 0; at < file.length; at += step, index++) {
      const iv = Buffer.alloc(12);
      header.copy(iv, 0, 60, 67);
      iv.writeUInt32BE(index, 7);
      iv[11] = at + step >= file.length ? 1 : 0;
      const algorithm = { name: "AES-GCM", iv, additionalData: new Uint8Array(header) };
      const chunk = new Uint8Array(file.subarray(at, at + step));
      plain.push(Buffer.from(await subtle.decrypt(algorithm, dataKey, chunk)));
    }
    const path = join(tempDir(), "read.db");
    writeFileSync(path, Buffer.concat(plain));
    await proveDatabase(path, EXPECTED, () => {});
    // And who wrote the manifest had the key.
    const { mac, ...manifest } = JSON.parse(readFileSync(join(source, "one.json"), "utf8"));
    const macKey = await subtle.deriveKey(
      hkdf(Buffer.alloc(0), "manifest"),
      material,
      { name: "HMAC", hash: "SHA-256", length: 256 },
      false,
      ["verify"],
    );
    const signed = new TextEncoder().encode(JSON.stringify(manifest));
    expect(await subtle.verify("HMAC", macKey, Buffer.from(mac, "hex"), signed)).toBe(true);
  });
});

/** Copies of all three, for a test to do with as it likes. */
function copies() {
  const folder = tempDir();
  for (const name of readdirSync(source).filter((each) => /^(?:one|two|open)\./.test(each))) {
    copyFileSync(join(source, name), join(folder, name));
  }
  const target = join(folder, "data", "x.db");
  const restore = (backup = sealedOf(folder, "one"), used: Uint8Array | undefined = key) =>
    restoreBackup(backup, target, { expected: EXPECTED, lockTimeoutMs: 0, key: used }, () => {});
  return { folder, target, restore, manifest: join(folder, "one.json") };
}

test("one is restored with its key, and an old one beside it without", async () => {
  const { folder, target, restore } = copies();
  await restore();
  expect(readFileSync(target).equals(readFileSync(dataOf(source, "open")))).toBe(true);
  await restore(dataOf(folder, "open"), undefined);
  await restore(dataOf(folder, "open"));
  const names = (await listBackups(folder)).map(({ name }) => name);
  expect(names.sort()).toEqual(["one", "open", "two"]);
});

/** What may have become of one, and with which code it is refused. */
const HARMS: Readonly<Record<string, (folder: string, manifest: string) => string>> = {
  "is another's": (folder) => {
    copyFileSync(sealedOf(folder, "two"), sealedOf(folder, "one"));
    return "BACKUP_INVALID";
  },
  "has another's manifest": (folder, manifest) => {
    copyFileSync(join(folder, "two.json"), manifest);
    return "BACKUP_INVALID";
  },
  "has a manifest that says another time": (_, manifest) => {
    const text = readFileSync(manifest, "utf8");
    writeFileSync(manifest, text.replace(/"proofTime": "2\d{3}/, '"proofTime": "2999'));
    return "BACKUP_INVALID";
  },
  "has a manifest with a hash that was made to fit": (folder, manifest) => {
    const bytes = readFileSync(sealedOf(folder, "one"));
    bytes[5_000] = (bytes[5_000] ?? 0) ^ 1;
    writeFileSync(sealedOf(folder, "one"), bytes);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const text = readFileSync(manifest, "utf8");
    writeFileSync(manifest, text.replace(/"sha256": "\w+"/, `"sha256": "${sha256}"`));
    return "BACKUP_INVALID";
  },
  "has a manifest without its code": (_, manifest) => {
    const { mac: _mac, ...rest } = JSON.parse(readFileSync(manifest, "utf8"));
    writeFileSync(manifest, JSON.stringify(rest));
    return "BACKUP_INVALID";
  },
  "has a manifest that calls it plain": (_, manifest) => {
    const {
      mac: _mac,
      encryption: _encryption,
      ...rest
    } = JSON.parse(readFileSync(manifest, "utf8"));
    writeFileSync(manifest, JSON.stringify(rest));
    return "BACKUP_INVALID";
  },
  "has a manifest of another key": (_, manifest) => {
    const text = readFileSync(manifest, "utf8");
    writeFileSync(manifest, text.replace(/"keyId": "\w{4}/, '"keyId": "0000'));
    return "BACKUP_KEY_WRONG";
  },
};

test.for(Object.keys(HARMS))("one that %s is refused, and nothing is restored", async (kind) => {
  const { folder, target, restore, manifest } = copies();
  const code = HARMS[kind]?.(folder, manifest);
  await expect(restore()).rejects.toMatchObject({ code });
  expect(existsSync(target)).toBe(false);
  const found = findBackup(sealedOf(folder, "one"));
  const proved = found.then((each) => proveBackup(each, EXPECTED, key, () => {}));
  await expect(proved).rejects.toMatchObject({ code });
});

test("without the key, or with another, nothing is restored, by its command too", async () => {
  const { folder, target, restore } = copies();
  const wrong = join(folder, "wrong.key");
  const other = makeBackupKey(wrong);
  await expect(restore(undefined, other)).rejects.toMatchObject({ code: "BACKUP_KEY_WRONG" });
  const sealed = sealedOf(folder, "one");
  for (const [args, reason] of [
    [[], "--backup-key-file must name it"],
    [["--backup-key-file", wrong], "and not with"],
    [["--backup-key-file", join(folder, "no.key")], "cannot be read (ENOENT)"],
  ] as const) {
    const restored = await runCli("restore", sealed, "--database", target, ...args);
    expect([restored.code, restored.stderr]).toEqual([1, expect.stringContaining(reason)]);
    const verified = await runCli("backup", "verify", sealed, ...args);
    expect(verified.code).toBe(1);
    expect(verified.stdout + verified.stderr).toContain(reason);
  }
  expect(existsSync(target)).toBe(false);
});

test("a proof is noted in the manifest, which its key is needed for", async () => {
  const { folder, manifest } = copies();
  const before = JSON.parse(readFileSync(manifest, "utf8"));
  const { code, stdout } = await runCli("backup", "verify", folder, "--backup-key-file", keyFile);
  expect([code, stdout.split("\n").map((line) => line.replace(/^.*\//, ""))]).toEqual([
    0,
    [
      "one.db.enc: whole, revision 1, encrypted",
      "open.db: whole, revision 1",
      "two.db.enc: whole, revision 1, encrypted",
      "",
    ],
  ]);
  const after = JSON.parse(readFileSync(manifest, "utf8"));
  expect(after.proofTime > before.proofTime).toBe(true);
  expect(after.mac).not.toBe(before.mac);
  await proveBackup(await findBackup(sealedOf(folder, "one")), EXPECTED, key, () => {});
});

test("a server makes them, and nothing is in plain where they are", async () => {
  const root = tempDir();
  const [folder, served] = [join(root, "backups"), join(root, "data", "x.db")];
  const args = ["--database", served, "--fixtures", "--backup-dir", folder];
  const encrypted = ["--backup-key-file", keyFile, "--processes", "2"];
  const server = await startServerProcess(...args, ...encrypted);
  // Of so many, each process makes some.
  const names = ["one", ...Array.from({ length: 7 }, (_, index) => `n${index}`)];
  for (const name of names) {
    const made = await askForBackup(openClient(server.address), name);
    expect(made).toMatchObject({ name, revision: 1n });
  }
  const files = names.flatMap((name) => [`${name}.db.enc`, `${name}.json`]);
  expect(readdirSync(folder).sort()).toEqual([".protostore-backups", ...files].sort());
  for (const name of readdirSync(folder)) {
    expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(folder, name), "latin1")).not.toMatch(/SQLite format|Velvet Otters/);
  }
  expect(readdirSync(join(root, "data")).filter((name) => name.includes("backup-"))).toEqual([]);
  await server.end("SIGTERM");
  const restored = join(root, "restored.db");
  const command = ["restore", sealedOf(folder, "one"), "--database", restored];
  const { code, stderr } = await runCli(...command, "--backup-key-file", keyFile);
  expect([code, stderr]).toEqual([0, ""]);
  expect(artistsIn(restored).artists.get(1n)).toBe("The Velvet Otters");
});

test("one that is cancelled leaves no copy in plain", async () => {
  const [folder, place] = [tempDir(), tempDir()];
  const served = join(place, "x.db");
  copyFileSync(dataOf(source, "open"), served);
  const limits = { backupBytesPerSecond: 50_000 };
  const service = await startTestService({
    database: served,
    backups: { folder, keyFile },
    limits,
  });
  const call = callStream(openClient(service.address), DatabaseService.method.backupDatabase, {});
  const answers = collect(call);
  const copiesOf = () => readdirSync(place).filter((name) => name.startsWith(".x.db.backup-"));
  await expect.poll(copiesOf, PATIENT).toHaveLength(1);
  call.cancel();
  await answers;
  await expect.poll(copiesOf, PATIENT).toEqual([]);
  expect(readdirSync(folder)).toEqual([".protostore-backups"]);
});

test("retention lets encrypted ones go too", async () => {
  const folder = tempDir();
  const [old, young] = [1, 2].map((time) => scheduledName(time));
  await backUp(database, folder, old ?? "", key);
  await backUp(database, folder, young ?? "", key);
  const rules = [{ ageMs: 1, per: "day" as const }];
  expect(await removeExpired(folder, rules, Date.now() + 1_000_000)).toEqual([old]);
  const left = readdirSync(folder).filter((name) => name.endsWith(".enc"));
  expect(left).toEqual([`${young}.db.enc`]);
});

describe("a key", () => {
  test("is read in base64 and in hex, and made for its owner only", async () => {
    const folder = tempDir();
    const path = join(folder, "a.key");
    const { code, stdout } = await runCli("backup", "key", path);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^key [0-9a-f]{16}: keep .*a\.key/)]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const made = readBackupKey(path);
    expect(made).toHaveLength(32);
    for (const form of ["base64", "base64url", "hex"] as const) {
      writeFileSync(path, `  ${Buffer.from(made).toString(form)}\n\n`);
      expect(Buffer.from(readBackupKey(path)).equals(made)).toBe(true);
    }
    const again = await runCli("backup", "key", path);
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining("already")]);
  });

  test.for(["", "short", "0".repeat(63), `${"0".repeat(64)} ${"0".repeat(64)}`, "=".repeat(44)])(
    "that is none stops the start: %j",
    async (text) => {
      const folder = tempDir();
      const path = join(folder, "a.key");
      writeFileSync(path, text);
      chmodSync(path, 0o600);
      const args = ["--backup-dir", join(folder, "backups"), "--backup-key-file", path];
      const served = join(folder, "x.db");
      const { code, stderr } = await runCli("serve", "--database", served, ...args);
      expect([code, stderr]).toEqual([1, expect.stringContaining("is no key of backups")]);
      expect(existsSync(served)).toBe(false);
    },
  );
});
