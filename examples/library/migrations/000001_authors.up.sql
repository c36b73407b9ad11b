-- The resource table authors.

CREATE TABLE authors (
  id INTEGER NOT NULL PRIMARY KEY,
  display_name TEXT NOT NULL,
  data TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(data)),
  wire BLOB,
  revision INTEGER,
  created_at TEXT,
  updated_at TEXT,
  checksum INTEGER
);

CREATE TRIGGER authors_outside_insert AFTER INSERT ON authors
WHEN (SELECT writing = 0 OR (writing = 2 AND NEW.revision IS NULL) FROM store_state)
BEGIN
  UPDATE store_state SET revision = revision + 1 WHERE writing = 0;
  UPDATE authors
  SET wire = NULL, revision = (SELECT revision FROM store_state), created_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
  WHERE id = NEW.id;
  SELECT RAISE(ABORT, 'another trigger keeps this change from being noticed')
  WHERE EXISTS (SELECT 1 FROM authors WHERE id = NEW.id AND (wire IS NOT NULL OR (revision IS NEW.revision)));
END;

CREATE TRIGGER authors_outside_update AFTER UPDATE ON authors
WHEN (SELECT writing <> 1 FROM store_state) AND (
  (NEW.revision IS OLD.revision)
  OR (NEW.wire IS NOT NULL AND (NEW.wire IS NOT OLD.wire OR NEW.revision IS NOT OLD.revision)
    AND (SELECT writing = 0 FROM store_state))
)
BEGIN
  UPDATE store_state SET revision = revision + 1 WHERE writing = 0;
  UPDATE authors
  SET wire = NULL, revision = (SELECT revision FROM store_state), updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
  WHERE id = NEW.id;
  SELECT RAISE(ABORT, 'another trigger keeps this change from being noticed')
  WHERE EXISTS (SELECT 1 FROM authors WHERE id = NEW.id AND (wire IS NOT NULL OR (revision IS NEW.revision AND (SELECT writing = 0 FROM store_state))));
  INSERT INTO id_high_water (table_name, last_id)
  SELECT 'authors', OLD.id WHERE NEW.id <> OLD.id
  ON CONFLICT (table_name) DO UPDATE SET last_id = max(last_id, excluded.last_id);
END;

CREATE TRIGGER authors_delete AFTER DELETE ON authors
BEGIN
  INSERT INTO id_high_water (table_name, last_id) VALUES ('authors', OLD.id)
  ON CONFLICT (table_name) DO UPDATE SET last_id = max(last_id, excluded.last_id);
  UPDATE store_state SET revision = revision + 1 WHERE writing = 0;
END;
