-- Makes Chinook's tables resource tables: JSON, exact bytes, revision and times beside the columns.
-- A row that was there before keeps NULL in them: nothing is copied, and no time is invented.

-- The one row of the store's own state. `writing` is 1 only inside the server's transactions, so
-- that to every other connection, which sees 0, the triggers below apply.
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

ALTER TABLE artists ADD COLUMN data TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(data));
ALTER TABLE artists ADD COLUMN wire BLOB;
ALTER TABLE artists ADD COLUMN revision INTEGER;
ALTER TABLE artists ADD COLUMN created_at TEXT;
ALTER TABLE artists ADD COLUMN updated_at TEXT;

ALTER TABLE albums ADD COLUMN data TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(data));
ALTER TABLE albums ADD COLUMN wire BLOB;
ALTER TABLE albums ADD COLUMN revision INTEGER;
ALTER TABLE albums ADD COLUMN created_at TEXT;
ALTER TABLE albums ADD COLUMN updated_at TEXT;

ALTER TABLE genres ADD COLUMN data TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(data));
ALTER TABLE genres ADD COLUMN wire BLOB;
ALTER TABLE genres ADD COLUMN revision INTEGER;
ALTER TABLE genres ADD COLUMN created_at TEXT;
ALTER TABLE genres ADD COLUMN updated_at TEXT;

ALTER TABLE media_types ADD COLUMN data TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(data));
ALTER TABLE media_types ADD COLUMN wire BLOB;
ALTER TABLE media_types ADD COLUMN revision INTEGER;
ALTER TABLE media_types ADD COLUMN created_at TEXT;
ALTER TABLE media_types ADD COLUMN updated_at TEXT;

ALTER TABLE tracks ADD COLUMN data TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(data));
ALTER TABLE tracks ADD COLUMN wire BLOB;
ALTER TABLE tracks ADD COLUMN revision INTEGER;
ALTER TABLE tracks ADD COLUMN created_at TEXT;
ALTER TABLE tracks ADD COLUMN updated_at TEXT;

ALTER TABLE playlists ADD COLUMN data TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(data));
ALTER TABLE playlists ADD COLUMN wire BLOB;
ALTER TABLE playlists ADD COLUMN revision INTEGER;
ALTER TABLE playlists ADD COLUMN created_at TEXT;
ALTER TABLE playlists ADD COLUMN updated_at TEXT;

ALTER TABLE employees ADD COLUMN data TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(data));
ALTER TABLE employees ADD COLUMN wire BLOB;
ALTER TABLE employees ADD COLUMN revision INTEGER;
ALTER TABLE employees ADD COLUMN created_at TEXT;
ALTER TABLE employees ADD COLUMN updated_at TEXT;

ALTER TABLE customers ADD COLUMN data TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(data));
ALTER TABLE customers ADD COLUMN wire BLOB;
ALTER TABLE customers ADD COLUMN revision INTEGER;
ALTER TABLE customers ADD COLUMN created_at TEXT;
ALTER TABLE customers ADD COLUMN updated_at TEXT;
ALTER TABLE customers ADD COLUMN status INTEGER NOT NULL DEFAULT 1;

ALTER TABLE invoices ADD COLUMN data TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(data));
ALTER TABLE invoices ADD COLUMN wire BLOB;
ALTER TABLE invoices ADD COLUMN revision INTEGER;
ALTER TABLE invoices ADD COLUMN created_at TEXT;
ALTER TABLE invoices ADD COLUMN updated_at TEXT;

ALTER TABLE invoice_items ADD COLUMN data TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(data));

CREATE INDEX customers_email ON customers (Email);
CREATE INDEX customers_status ON customers (status);
CREATE INDEX customers_phone ON customers (Phone);

-- A write by any other program is legal: it clears the row's bytes, which are rebuilt from columns
-- and JSON at the next read, and takes the next revision.

CREATE TRIGGER artists_outside_insert AFTER INSERT ON artists
WHEN (SELECT writing FROM store_state) = 0
BEGIN
  UPDATE store_state SET revision = revision + 1;
  UPDATE artists
  SET wire = NULL, revision = (SELECT revision FROM store_state), created_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
  WHERE ArtistId = NEW.ArtistId;
END;

CREATE TRIGGER artists_outside_update AFTER UPDATE ON artists
WHEN (SELECT writing FROM store_state) = 0 AND NEW.revision IS OLD.revision
BEGIN
  UPDATE store_state SET revision = revision + 1;
  UPDATE artists
  SET wire = NULL, revision = (SELECT revision FROM store_state), updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
  WHERE ArtistId = NEW.ArtistId;
  INSERT INTO id_high_water (table_name, last_id)
  SELECT 'artists', OLD.ArtistId WHERE NEW.ArtistId <> OLD.ArtistId
  ON CONFLICT (table_name) DO UPDATE SET last_id = max(last_id, excluded.last_id);
END;

CREATE TRIGGER artists_delete AFTER DELETE ON artists
BEGIN
  INSERT INTO id_high_water (table_name, last_id) VALUES ('artists', OLD.ArtistId)
  ON CONFLICT (table_name) DO UPDATE SET last_id = max(last_id, excluded.last_id);
  UPDATE store_state SET revision = revision + 1 WHERE writing = 0;
END;

CREATE TRIGGER albums_outside_insert AFTER INSERT ON albums
WHEN (SELECT writing FROM store_state) = 0
BEGIN
  UPDATE store_state SET revision = revision + 1;
  UPDATE albums
  SET wire = NULL, revision = (SELECT revision FROM store_state), created_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
  WHERE AlbumId = NEW.AlbumId;
END;

CREATE TRIGGER albums_outside_update AFTER UPDATE ON albums
WHEN (SELECT writing FROM store_state) = 0 AND NEW.revision IS OLD.revision
BEGIN
  UPDATE store_state SET revision = revision + 1;
  UPDATE albums
  SET wire = NULL, revision = (SELECT revision FROM store_state), updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
  WHERE AlbumId = NEW.AlbumId;
  INSERT INTO id_high_water (table_name, last_id)
  SELECT 'albums', OLD.AlbumId WHERE NEW.AlbumId <> OLD.AlbumId
  ON CONFLICT (table_name) DO UPDATE SET last_id = max(last_id, excluded.last_id);
END;

CREATE TRIGGER albums_delete AFTER DELETE ON albums
BEGIN
  INSERT INTO id_high_water (table_name, last_id) VALUES ('albums', OLD.AlbumId)
  ON CONFLICT (table_name) DO UPDATE SET last_id = max(last_id, excluded.last_id);
  UPDATE store_state SET revision = revision + 1 WHERE writing = 0;
END;

CREATE TRIGGER genres_outside_insert AFTER INSERT ON genres
WHEN (SELECT writing FROM store_state) = 0
BEGIN
  UPDATE store_state SET revision = revision + 1;
  UPDATE genres
  SET wire = NULL, revision = (SELECT revision FROM store_state), created_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
  WHERE GenreId = NEW.GenreId;
END;

CREATE TRIGGER genres_outside_update AFTER UPDATE ON genres
WHEN (SELECT writing FROM store_state) = 0 AND NEW.revision IS OLD.revision
BEGIN
  UPDATE store_state SET revision = revision + 1;
  UPDATE genres
  SET wire = NULL, revision = (SELECT revision FROM store_state), updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
  WHERE GenreId = NEW.GenreId;
  INSERT INTO id_high_water (table_name, last_id)
  SELECT 'genres', OLD.GenreId WHERE NEW.GenreId <> OLD.GenreId
  ON CONFLICT (table_name) DO UPDATE SET last_id = max(last_id, excluded.last_id);
END;

CREATE TRIGGER genres_delete AFTER DELETE ON genres
BEGIN
  INSERT INTO id_high_water (table_name, last_id) VALUES ('genres', OLD.GenreId)
  ON CONFLICT (table_name) DO UPDATE SET last_id = max(last_id, excluded.last_id);
  UPDATE store_state SET revision = revision + 1 WHERE writing = 0;
END;

CREATE TRIGGER media_types_outside_insert AFTER INSERT ON media_types
WHEN (SELECT writing FROM store_state) = 0
BEGIN
  UPDATE store_state SET revision = revision + 1;
  UPDATE media_types
  SET wire = NULL, revision = (SELECT revision FROM store_state), created_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
  WHERE MediaTypeId = NEW.MediaTypeId;
END;

CREATE TRIGGER media_types_outside_update AFTER UPDATE ON media_types
WHEN (SELECT writing FROM store_state) = 0 AND NEW.revision IS OLD.revision
BEGIN
  UPDATE store_state SET revision = revision + 1;
  UPDATE media_types
  SET wire = NULL, revision = (SELECT revision FROM store_state), updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
  WHERE MediaTypeId = NEW.MediaTypeId;
  INSERT INTO id_high_water (table_name, last_id)
  SELECT 'media_types', OLD.MediaTypeId WHERE NEW.MediaTypeId <> OLD.MediaTypeId
  ON CONFLICT (table_name) DO UPDATE SET last_id = max(last_id, excluded.last_id);
END;

CREATE TRIGGER media_types_delete AFTER DELETE ON media_types
BEGIN
  INSERT INTO id_high_water (table_name, last_id) VALUES ('media_types', OLD.MediaTypeId)
  ON CONFLICT (table_name) DO UPDATE SET last_id = max(last_id, excluded.last_id);
  UPDATE store_state SET revision = revision + 1 WHERE writing = 0;
END;

CREATE TRIGGER tracks_outside_insert AFTER INSERT ON tracks
WHEN (SELECT writing FROM store_state) = 0
BEGIN
  UPDATE store_state SET revision = revision + 1;
  UPDATE tracks
  SET wire = NULL, revision = (SELECT revision FROM store_state), created_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
  WHERE TrackId = NEW.TrackId;
END;

CREATE TRIGGER tracks_outside_update AFTER UPDATE ON tracks
WHEN (SELECT writing FROM store_state) = 0 AND NEW.revision IS OLD.revision
BEGIN
  UPDATE store_state SET revision = revision + 1;
  UPDATE tracks
  SET wire = NULL, revision = (SELECT revision FROM store_state), updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
  WHERE TrackId = NEW.TrackId;
  INSERT INTO id_high_water (table_name, last_id)
  SELECT 'tracks', OLD.TrackId WHERE NEW.TrackId <> OLD.TrackId
  ON CONFLICT (table_name) DO UPDATE SET last_id = max(last_id, excluded.last_id);
END;

CREATE TRIGGER tracks_delete AFTER DELETE ON tracks
BEGIN
  INSERT INTO id_high_water (table_name, last_id) VALUES ('tracks', OLD.TrackId)
  ON CONFLICT (table_name) DO UPDATE SET last_id = max(last_id, excluded.last_id);
  UPDATE store_state SET revision = revision + 1 WHERE writing = 0;
END;

CREATE TRIGGER playlists_outside_insert AFTER INSERT ON playlists
WHEN (SELECT writing FROM store_state) = 0
BEGIN
  UPDATE store_state SET revision = revision + 1;
  UPDATE playlists
  SET wire = NULL, revision = (SELECT revision FROM store_state), created_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
  WHERE PlaylistId = NEW.PlaylistId;
END;

CREATE TRIGGER playlists_outside_update AFTER UPDATE ON playlists
WHEN (SELECT writing FROM store_state) = 0 AND NEW.revision IS OLD.revision
BEGIN
  UPDATE store_state SET revision = revision + 1;
  UPDATE playlists
  SET wire = NULL, revision = (SELECT revision FROM store_state), updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
  WHERE PlaylistId = NEW.PlaylistId;
  INSERT INTO id_high_water (table_name, last_id)
  SELECT 'playlists', OLD.PlaylistId WHERE NEW.PlaylistId <> OLD.PlaylistId
  ON CONFLICT (table_name) DO UPDATE SET last_id = max(last_id, excluded.last_id);
END;

CREATE TRIGGER playlists_delete AFTER DELETE ON playlists
BEGIN
  INSERT INTO id_high_water (table_name, last_id) VALUES ('playlists', OLD.PlaylistId)
  ON CONFLICT (table_name) DO UPDATE SET last_id = max(last_id, excluded.last_id);
  UPDATE store_state SET revision = revision + 1 WHERE writing = 0;
END;

CREATE TRIGGER employees_outside_insert AFTER INSERT ON employees
WHEN (SELECT writing FROM store_state) = 0
BEGIN
  UPDATE store_state SET revision = revision + 1;
  UPDATE employees
  SET wire = NULL, revision = (SELECT revision FROM store_state), created_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
  WHERE EmployeeId = NEW.EmployeeId;
END;

CREATE TRIGGER employees_outside_update AFTER UPDATE ON employees
WHEN (SELECT writing FROM store_state) = 0 AND NEW.revision IS OLD.revision
BEGIN
  UPDATE store_state SET revision = revision + 1;
  UPDATE employees
  SET wire = NULL, revision = (SELECT revision FROM store_state), updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
  WHERE EmployeeId = NEW.EmployeeId;
  INSERT INTO id_high_water (table_name, last_id)
  SELECT 'employees', OLD.EmployeeId WHERE NEW.EmployeeId <> OLD.EmployeeId
  ON CONFLICT (table_name) DO UPDATE SET last_id = max(last_id, excluded.last_id);
END;

CREATE TRIGGER employees_delete AFTER DELETE ON employees
BEGIN
  INSERT INTO id_high_water (table_name, last_id) VALUES ('employees', OLD.EmployeeId)
  ON CONFLICT (table_name) DO UPDATE SET last_id = max(last_id, excluded.last_id);
  UPDATE store_state SET revision = revision + 1 WHERE writing = 0;
END;

CREATE TRIGGER customers_outside_insert AFTER INSERT ON customers
WHEN (SELECT writing FROM store_state) = 0
BEGIN
  UPDATE store_state SET revision = revision + 1;
  UPDATE customers
  SET wire = NULL, revision = (SELECT revision FROM store_state), created_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
  WHERE CustomerId = NEW.CustomerId;
END;

CREATE TRIGGER customers_outside_update AFTER UPDATE ON customers
WHEN (SELECT writing FROM store_state) = 0 AND NEW.revision IS OLD.revision
BEGIN
  UPDATE store_state SET revision = revision + 1;
  UPDATE customers
  SET wire = NULL, revision = (SELECT revision FROM store_state), updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
  WHERE CustomerId = NEW.CustomerId;
  INSERT INTO id_high_water (table_name, last_id)
  SELECT 'customers', OLD.CustomerId WHERE NEW.CustomerId <> OLD.CustomerId
  ON CONFLICT (table_name) DO UPDATE SET last_id = max(last_id, excluded.last_id);
END;

CREATE TRIGGER customers_delete AFTER DELETE ON customers
BEGIN
  INSERT INTO id_high_water (table_name, last_id) VALUES ('customers', OLD.CustomerId)
  ON CONFLICT (table_name) DO UPDATE SET last_id = max(last_id, excluded.last_id);
  UPDATE store_state SET revision = revision + 1 WHERE writing = 0;
END;

CREATE TRIGGER invoices_outside_insert AFTER INSERT ON invoices
WHEN (SELECT writing FROM store_state) = 0
BEGIN
  UPDATE store_state SET revision = revision + 1;
  UPDATE invoices
  SET wire = NULL, revision = (SELECT revision FROM store_state), created_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
  WHERE InvoiceId = NEW.InvoiceId;
END;

CREATE TRIGGER invoices_outside_update AFTER UPDATE ON invoices
WHEN (SELECT writing FROM store_state) = 0 AND NEW.revision IS OLD.revision
BEGIN
  UPDATE store_state SET revision = revision + 1;
  UPDATE invoices
  SET wire = NULL, revision = (SELECT revision FROM store_state), updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
  WHERE InvoiceId = NEW.InvoiceId;
  INSERT INTO id_high_water (table_name, last_id)
  SELECT 'invoices', OLD.InvoiceId WHERE NEW.InvoiceId <> OLD.InvoiceId
  ON CONFLICT (table_name) DO UPDATE SET last_id = max(last_id, excluded.last_id);
END;

CREATE TRIGGER invoices_delete AFTER DELETE ON invoices
BEGIN
  INSERT INTO id_high_water (table_name, last_id) VALUES ('invoices', OLD.InvoiceId)
  ON CONFLICT (table_name) DO UPDATE SET last_id = max(last_id, excluded.last_id);
  UPDATE store_state SET revision = revision + 1 WHERE writing = 0;
END;

-- A line is part of its invoice: changing one changes the invoice.

CREATE TRIGGER invoice_items_outside_insert AFTER INSERT ON invoice_items
WHEN (SELECT writing FROM store_state) = 0
BEGIN
  UPDATE store_state SET revision = revision + 1;
  UPDATE invoices
  SET wire = NULL, revision = (SELECT revision FROM store_state), updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
  WHERE InvoiceId IN (NEW.InvoiceId);
END;

CREATE TRIGGER invoice_items_outside_update AFTER UPDATE ON invoice_items
WHEN (SELECT writing FROM store_state) = 0
BEGIN
  UPDATE store_state SET revision = revision + 1;
  UPDATE invoices
  SET wire = NULL, revision = (SELECT revision FROM store_state), updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
  WHERE InvoiceId IN (NEW.InvoiceId, OLD.InvoiceId);
  INSERT INTO id_high_water (table_name, last_id)
  SELECT 'invoice_items', OLD.InvoiceLineId WHERE NEW.InvoiceLineId <> OLD.InvoiceLineId
  ON CONFLICT (table_name) DO UPDATE SET last_id = max(last_id, excluded.last_id);
END;

CREATE TRIGGER invoice_items_outside_delete AFTER DELETE ON invoice_items
WHEN (SELECT writing FROM store_state) = 0
BEGIN
  UPDATE store_state SET revision = revision + 1;
  UPDATE invoices
  SET wire = NULL, revision = (SELECT revision FROM store_state), updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
  WHERE InvoiceId IN (OLD.InvoiceId);
END;

CREATE TRIGGER invoice_items_delete AFTER DELETE ON invoice_items
BEGIN
  INSERT INTO id_high_water (table_name, last_id) VALUES ('invoice_items', OLD.InvoiceLineId)
  ON CONFLICT (table_name) DO UPDATE SET last_id = max(last_id, excluded.last_id);
END;
