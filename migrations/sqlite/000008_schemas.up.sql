-- The descriptors of the stored messages: what the servers that have written this database knew of them.

-- Each set that was ever served, as a FileDescriptorSet with all imports, by its SHA-256 in hex.
CREATE TABLE stored_schemas (
  hash TEXT NOT NULL PRIMARY KEY,
  image BLOB NOT NULL,
  stored_at TEXT NOT NULL
);

-- One row. `current_hash` is the newest set; `writer_hash` that of the server that wrote last, which may
-- be an older one. While rows are derived anew for the set `derivation_hash`, the others say how far
-- that is: it goes on behind the row `derivation_key` of `derivation_table`.
CREATE TABLE schema_state (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  current_hash TEXT REFERENCES stored_schemas (hash),
  writer_hash TEXT REFERENCES stored_schemas (hash),
  derivation_hash TEXT REFERENCES stored_schemas (hash),
  derivation_table TEXT,
  derivation_key INTEGER,
  rows_done INTEGER NOT NULL DEFAULT 0,
  rows_total INTEGER NOT NULL DEFAULT 0
);
INSERT INTO schema_state (id) VALUES (1);
