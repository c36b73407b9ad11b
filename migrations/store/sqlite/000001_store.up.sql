-- The store's own tables, apart from those that its user's migrations make. A database whose own
-- migrations make store_state has all of them from there.

-- The one row of the store's own state. `writing` is 0 to every connection but the server's own: the
-- triggers of resource tables tell by it whose a write is (0, anybody's; 1, the server's; 2, the
-- server's or that of a trigger of others which its statement sets off).
CREATE TABLE store_state (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  revision INTEGER NOT NULL,
  writing INTEGER NOT NULL
);
INSERT INTO store_state (id, revision, writing) VALUES (1, 0, 0);

-- The highest key that a row of a table ever had and has no more: keys are never given again.
CREATE TABLE id_high_water (
  table_name TEXT NOT NULL PRIMARY KEY,
  last_id INTEGER NOT NULL
);

-- The rows that the statement which is running may replace, from its BEFORE triggers to its AFTER
-- triggers; what is left here after it means nothing.
CREATE TABLE store_replaced (
  table_name TEXT NOT NULL,
  found_by TEXT NOT NULL,
  key INTEGER NOT NULL,
  parent_key INTEGER
);

-- Requests that carried a request_id and were carried out, with what was answered.
CREATE TABLE completed_requests (
  request_id TEXT NOT NULL PRIMARY KEY,
  -- Of the method and everything in the request.
  digest BLOB NOT NULL,
  revision INTEGER NOT NULL,
  -- The stored messages, each behind its length.
  messages BLOB NOT NULL,
  -- In milliseconds since the epoch.
  completed_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX completed_requests_completed_at ON completed_requests (completed_at);

-- Keys that all servers of this database share, for example the one that seals page tokens.
CREATE TABLE store_secrets (
  name TEXT NOT NULL PRIMARY KEY,
  value BLOB NOT NULL
) WITHOUT ROWID;

-- The descriptors of the stored messages that were ever served, each set a FileDescriptorSet with all
-- imports, by its SHA-256 in hex.
CREATE TABLE stored_schemas (
  hash TEXT NOT NULL PRIMARY KEY,
  image BLOB NOT NULL,
  stored_at TEXT NOT NULL
);

-- One row. `current_hash` is the newest set, `writer_hash` that of the server that wrote last. While rows
-- are derived anew for `derivation_hash`, the others say how far that is.
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
