// The secrets of a database: random keys that all servers of it share.
// Must not know what they are for.

import { createHmac, randomBytes } from "node:crypto";
import { StoreError } from "../../errors.ts";
import type { Database } from "../database.ts";

const SECRET_BYTES = 32;

/** What a secret is read and stored with. */
export interface SecretStore {
  readonly read: Database["read"];
  /** Absent where nothing may be written. */
  readonly commit: Database["commit"] | undefined;
  /** What secrets that cannot be stored are made from; they are random if it is absent. */
  readonly seed: string | undefined;
}

/** The secret with this name, stored if it is new; one that cannot be stored lasts as long as its seed. */
export async function readOrStoreSecret(store: SecretStore, name: string): Promise<Uint8Array> {
  const known = await readSecret(store, name);
  if (known) return known;
  const proposed = propose(name, store.seed);
  if (!store.commit) return proposed;
  const sql = "INSERT INTO store_secrets (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING";
  const statement = { sql, parameters: [name, proposed] };
  try {
    await store.commit([{ kind: "execute", statement, unseen: true }]);
  } catch (error) {
    // Reads go on where nothing can be written.
    if (error instanceof StoreError && error.code === "READ_ONLY_MEDIA") return proposed;
    throw error;
  }
  // Another server may have been first.
  return (await readSecret(store, name)) ?? proposed;
}

async function readSecret({ read }: SecretStore, name: string): Promise<Uint8Array | undefined> {
  const sql = "SELECT value FROM store_secrets WHERE name = ?";
  const { rows } = await read([{ sql, parameters: [name] }]);
  return rows[0]?.[0]?.[0] as Uint8Array | undefined;
}

function propose(name: string, seed: string | undefined): Uint8Array {
  if (seed !== undefined) return createHmac("sha256", seed).update(name).digest();
  return randomBytes(SECRET_BYTES);
}
