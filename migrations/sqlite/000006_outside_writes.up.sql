-- Triggers that see every write by other programs: also what REPLACE removes without a word to the
-- triggers of DELETE, and what triggers and foreign key actions of others do inside the server's own
-- transactions. `store_state.writing` says who may be writing: 0, anybody; 1, only the server; 2, the
-- server, and triggers of others that its statements set off. Every statement of the server gives a
-- row another revision, so that in a transaction of the last kind a write that leaves it is theirs.

-- The rows that the statement which is running may replace, from its BEFORE triggers to its AFTER
-- triggers; what is left here after it means nothing.
CREATE TABLE store_replaced (
  table_name TEXT NOT NULL,
  found_by TEXT NOT NULL,
  key INTEGER NOT NULL,
  parent_key INTEGER
);

DROP TRIGGER artists_outside_insert;
DROP TRIGGER artists_outside_update;
DROP TRIGGER artists_delete;
DROP TRIGGER albums_outside_insert;
DROP TRIGGER albums_outside_update;
DROP TRIGGER albums_delete;
DROP TRIGGER genres_outside_insert;
DROP TRIGGER genres_outside_update;
DROP TRIGGER genres_delete;
DROP TRIGGER media_types_outside_insert;
DROP TRIGGER media_types_outside_update;
DROP TRIGGER media_types_delete;
DROP TRIGGER tracks_outside_insert;
DROP TRIGGER tracks_outside_update;
DROP TRIGGER tracks_delete;
DROP TRIGGER playlists_outside_insert;
DROP TRIGGER playlists_outside_update;
DROP TRIGGER playlists_delete;
DROP TRIGGER employees_outside_insert;
DROP TRIGGER employees_outside_update;
DROP TRIGGER employees_delete;
DROP TRIGGER customers_outside_insert;
DROP TRIGGER customers_outside_update;
DROP TRIGGER customers_delete;
DROP TRIGGER invoices_outside_insert;
DROP TRIGGER invoices_outside_update;
DROP TRIGGER invoices_delete;
DROP TRIGGER invoice_items_outside_insert;
DROP TRIGGER invoice_items_outside_update;
DROP TRIGGER invoice_items_outside_delete;
DROP TRIGGER invoice_items_delete;

CREATE TRIGGER artists_outside_insert AFTER INSERT ON artists
WHEN (SELECT writing = 0 OR (writing = 2 AND NEW.revision IS NULL) FROM store_state)
BEGIN
  UPDATE store_state SET revision = revision + 1 WHERE writing = 0;
  UPDATE artists
  SET wire = NULL, revision = (SELECT revision FROM store_state), created_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
  WHERE ArtistId = NEW.ArtistId;
  SELECT RAISE(ABORT, 'another trigger keeps this change from being noticed')
  WHERE EXISTS (SELECT 1 FROM artists WHERE ArtistId = NEW.ArtistId AND (wire IS NOT NULL OR (revision IS NEW.revision)));
END;

CREATE TRIGGER artists_outside_update AFTER UPDATE ON artists
WHEN (SELECT writing <> 1 FROM store_state) AND (
  (NEW.revision IS OLD.revision AND (NEW.ArtistId COLLATE BINARY IS NOT OLD.ArtistId
    OR NEW.data COLLATE BINARY IS NOT OLD.data
    OR NEW.created_at COLLATE BINARY IS NOT OLD.created_at
    OR NEW.updated_at COLLATE BINARY IS NOT OLD.updated_at
    OR NEW.Name COLLATE BINARY IS NOT OLD.Name))
  OR (NEW.wire IS NOT NULL AND (NEW.wire IS NOT OLD.wire OR NEW.revision IS NOT OLD.revision)
    AND (SELECT writing = 0 FROM store_state))
)
BEGIN
  UPDATE store_state SET revision = revision + 1 WHERE writing = 0;
  UPDATE artists
  SET wire = NULL, revision = (SELECT revision FROM store_state), updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
  WHERE ArtistId = NEW.ArtistId;
  SELECT RAISE(ABORT, 'another trigger keeps this change from being noticed')
  WHERE EXISTS (SELECT 1 FROM artists WHERE ArtistId = NEW.ArtistId AND (wire IS NOT NULL OR (revision IS NEW.revision AND (SELECT writing = 0 FROM store_state))));
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
WHEN (SELECT writing = 0 OR (writing = 2 AND NEW.revision IS NULL) FROM store_state)
BEGIN
  UPDATE store_state SET revision = revision + 1 WHERE writing = 0;
  UPDATE albums
  SET wire = NULL, revision = (SELECT revision FROM store_state), created_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
  WHERE AlbumId = NEW.AlbumId;
  SELECT RAISE(ABORT, 'another trigger keeps this change from being noticed')
  WHERE EXISTS (SELECT 1 FROM albums WHERE AlbumId = NEW.AlbumId AND (wire IS NOT NULL OR (revision IS NEW.revision)));
END;

CREATE TRIGGER albums_outside_update AFTER UPDATE ON albums
WHEN (SELECT writing <> 1 FROM store_state) AND (
  (NEW.revision IS OLD.revision AND (NEW.AlbumId COLLATE BINARY IS NOT OLD.AlbumId
    OR NEW.data COLLATE BINARY IS NOT OLD.data
    OR NEW.created_at COLLATE BINARY IS NOT OLD.created_at
    OR NEW.updated_at COLLATE BINARY IS NOT OLD.updated_at
    OR NEW.Title COLLATE BINARY IS NOT OLD.Title
    OR NEW.ArtistId COLLATE BINARY IS NOT OLD.ArtistId))
  OR (NEW.wire IS NOT NULL AND (NEW.wire IS NOT OLD.wire OR NEW.revision IS NOT OLD.revision)
    AND (SELECT writing = 0 FROM store_state))
)
BEGIN
  UPDATE store_state SET revision = revision + 1 WHERE writing = 0;
  UPDATE albums
  SET wire = NULL, revision = (SELECT revision FROM store_state), updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
  WHERE AlbumId = NEW.AlbumId;
  SELECT RAISE(ABORT, 'another trigger keeps this change from being noticed')
  WHERE EXISTS (SELECT 1 FROM albums WHERE AlbumId = NEW.AlbumId AND (wire IS NOT NULL OR (revision IS NEW.revision AND (SELECT writing = 0 FROM store_state))));
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
WHEN (SELECT writing = 0 OR (writing = 2 AND NEW.revision IS NULL) FROM store_state)
BEGIN
  UPDATE store_state SET revision = revision + 1 WHERE writing = 0;
  UPDATE genres
  SET wire = NULL, revision = (SELECT revision FROM store_state), created_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
  WHERE GenreId = NEW.GenreId;
  SELECT RAISE(ABORT, 'another trigger keeps this change from being noticed')
  WHERE EXISTS (SELECT 1 FROM genres WHERE GenreId = NEW.GenreId AND (wire IS NOT NULL OR (revision IS NEW.revision)));
END;

CREATE TRIGGER genres_outside_update AFTER UPDATE ON genres
WHEN (SELECT writing <> 1 FROM store_state) AND (
  (NEW.revision IS OLD.revision AND (NEW.GenreId COLLATE BINARY IS NOT OLD.GenreId
    OR NEW.data COLLATE BINARY IS NOT OLD.data
    OR NEW.created_at COLLATE BINARY IS NOT OLD.created_at
    OR NEW.updated_at COLLATE BINARY IS NOT OLD.updated_at
    OR NEW.Name COLLATE BINARY IS NOT OLD.Name))
  OR (NEW.wire IS NOT NULL AND (NEW.wire IS NOT OLD.wire OR NEW.revision IS NOT OLD.revision)
    AND (SELECT writing = 0 FROM store_state))
)
BEGIN
  UPDATE store_state SET revision = revision + 1 WHERE writing = 0;
  UPDATE genres
  SET wire = NULL, revision = (SELECT revision FROM store_state), updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
  WHERE GenreId = NEW.GenreId;
  SELECT RAISE(ABORT, 'another trigger keeps this change from being noticed')
  WHERE EXISTS (SELECT 1 FROM genres WHERE GenreId = NEW.GenreId AND (wire IS NOT NULL OR (revision IS NEW.revision AND (SELECT writing = 0 FROM store_state))));
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
WHEN (SELECT writing = 0 OR (writing = 2 AND NEW.revision IS NULL) FROM store_state)
BEGIN
  UPDATE store_state SET revision = revision + 1 WHERE writing = 0;
  UPDATE media_types
  SET wire = NULL, revision = (SELECT revision FROM store_state), created_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
  WHERE MediaTypeId = NEW.MediaTypeId;
  SELECT RAISE(ABORT, 'another trigger keeps this change from being noticed')
  WHERE EXISTS (SELECT 1 FROM media_types WHERE MediaTypeId = NEW.MediaTypeId AND (wire IS NOT NULL OR (revision IS NEW.revision)));
END;

CREATE TRIGGER media_types_outside_update AFTER UPDATE ON media_types
WHEN (SELECT writing <> 1 FROM store_state) AND (
  (NEW.revision IS OLD.revision AND (NEW.MediaTypeId COLLATE BINARY IS NOT OLD.MediaTypeId
    OR NEW.data COLLATE BINARY IS NOT OLD.data
    OR NEW.created_at COLLATE BINARY IS NOT OLD.created_at
    OR NEW.updated_at COLLATE BINARY IS NOT OLD.updated_at
    OR NEW.Name COLLATE BINARY IS NOT OLD.Name))
  OR (NEW.wire IS NOT NULL AND (NEW.wire IS NOT OLD.wire OR NEW.revision IS NOT OLD.revision)
    AND (SELECT writing = 0 FROM store_state))
)
BEGIN
  UPDATE store_state SET revision = revision + 1 WHERE writing = 0;
  UPDATE media_types
  SET wire = NULL, revision = (SELECT revision FROM store_state), updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
  WHERE MediaTypeId = NEW.MediaTypeId;
  SELECT RAISE(ABORT, 'another trigger keeps this change from being noticed')
  WHERE EXISTS (SELECT 1 FROM media_types WHERE MediaTypeId = NEW.MediaTypeId AND (wire IS NOT NULL OR (revision IS NEW.revision AND (SELECT writing = 0 FROM store_state))));
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
WHEN (SELECT writing = 0 OR (writing = 2 AND NEW.revision IS NULL) FROM store_state)
BEGIN
  UPDATE store_state SET revision = revision + 1 WHERE writing = 0;
  UPDATE tracks
  SET wire = NULL, revision = (SELECT revision FROM store_state), created_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
  WHERE TrackId = NEW.TrackId;
  SELECT RAISE(ABORT, 'another trigger keeps this change from being noticed')
  WHERE EXISTS (SELECT 1 FROM tracks WHERE TrackId = NEW.TrackId AND (wire IS NOT NULL OR (revision IS NEW.revision)));
END;

CREATE TRIGGER tracks_outside_update AFTER UPDATE ON tracks
WHEN (SELECT writing <> 1 FROM store_state) AND (
  (NEW.revision IS OLD.revision AND (NEW.TrackId COLLATE BINARY IS NOT OLD.TrackId
    OR NEW.data COLLATE BINARY IS NOT OLD.data
    OR NEW.created_at COLLATE BINARY IS NOT OLD.created_at
    OR NEW.updated_at COLLATE BINARY IS NOT OLD.updated_at
    OR NEW.Name COLLATE BINARY IS NOT OLD.Name
    OR NEW.AlbumId COLLATE BINARY IS NOT OLD.AlbumId
    OR NEW.MediaTypeId COLLATE BINARY IS NOT OLD.MediaTypeId
    OR NEW.GenreId COLLATE BINARY IS NOT OLD.GenreId
    OR NEW.Composer COLLATE BINARY IS NOT OLD.Composer
    OR NEW.Milliseconds COLLATE BINARY IS NOT OLD.Milliseconds
    OR NEW.Bytes COLLATE BINARY IS NOT OLD.Bytes
    OR NEW.UnitPrice COLLATE BINARY IS NOT OLD.UnitPrice))
  OR (NEW.wire IS NOT NULL AND (NEW.wire IS NOT OLD.wire OR NEW.revision IS NOT OLD.revision)
    AND (SELECT writing = 0 FROM store_state))
)
BEGIN
  UPDATE store_state SET revision = revision + 1 WHERE writing = 0;
  UPDATE tracks
  SET wire = NULL, revision = (SELECT revision FROM store_state), updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
  WHERE TrackId = NEW.TrackId;
  SELECT RAISE(ABORT, 'another trigger keeps this change from being noticed')
  WHERE EXISTS (SELECT 1 FROM tracks WHERE TrackId = NEW.TrackId AND (wire IS NOT NULL OR (revision IS NEW.revision AND (SELECT writing = 0 FROM store_state))));
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
WHEN (SELECT writing = 0 OR (writing = 2 AND NEW.revision IS NULL) FROM store_state)
BEGIN
  UPDATE store_state SET revision = revision + 1 WHERE writing = 0;
  UPDATE playlists
  SET wire = NULL, revision = (SELECT revision FROM store_state), created_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
  WHERE PlaylistId = NEW.PlaylistId;
  SELECT RAISE(ABORT, 'another trigger keeps this change from being noticed')
  WHERE EXISTS (SELECT 1 FROM playlists WHERE PlaylistId = NEW.PlaylistId AND (wire IS NOT NULL OR (revision IS NEW.revision)));
END;

CREATE TRIGGER playlists_outside_update AFTER UPDATE ON playlists
WHEN (SELECT writing <> 1 FROM store_state) AND (
  (NEW.revision IS OLD.revision AND (NEW.PlaylistId COLLATE BINARY IS NOT OLD.PlaylistId
    OR NEW.data COLLATE BINARY IS NOT OLD.data
    OR NEW.created_at COLLATE BINARY IS NOT OLD.created_at
    OR NEW.updated_at COLLATE BINARY IS NOT OLD.updated_at
    OR NEW.Name COLLATE BINARY IS NOT OLD.Name))
  OR (NEW.wire IS NOT NULL AND (NEW.wire IS NOT OLD.wire OR NEW.revision IS NOT OLD.revision)
    AND (SELECT writing = 0 FROM store_state))
)
BEGIN
  UPDATE store_state SET revision = revision + 1 WHERE writing = 0;
  UPDATE playlists
  SET wire = NULL, revision = (SELECT revision FROM store_state), updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
  WHERE PlaylistId = NEW.PlaylistId;
  SELECT RAISE(ABORT, 'another trigger keeps this change from being noticed')
  WHERE EXISTS (SELECT 1 FROM playlists WHERE PlaylistId = NEW.PlaylistId AND (wire IS NOT NULL OR (revision IS NEW.revision AND (SELECT writing = 0 FROM store_state))));
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
WHEN (SELECT writing = 0 OR (writing = 2 AND NEW.revision IS NULL) FROM store_state)
BEGIN
  UPDATE store_state SET revision = revision + 1 WHERE writing = 0;
  UPDATE employees
  SET wire = NULL, revision = (SELECT revision FROM store_state), created_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
  WHERE EmployeeId = NEW.EmployeeId;
  SELECT RAISE(ABORT, 'another trigger keeps this change from being noticed')
  WHERE EXISTS (SELECT 1 FROM employees WHERE EmployeeId = NEW.EmployeeId AND (wire IS NOT NULL OR (revision IS NEW.revision)));
END;

CREATE TRIGGER employees_outside_update AFTER UPDATE ON employees
WHEN (SELECT writing <> 1 FROM store_state) AND (
  (NEW.revision IS OLD.revision AND (NEW.EmployeeId COLLATE BINARY IS NOT OLD.EmployeeId
    OR NEW.data COLLATE BINARY IS NOT OLD.data
    OR NEW.created_at COLLATE BINARY IS NOT OLD.created_at
    OR NEW.updated_at COLLATE BINARY IS NOT OLD.updated_at
    OR NEW.LastName COLLATE BINARY IS NOT OLD.LastName
    OR NEW.FirstName COLLATE BINARY IS NOT OLD.FirstName
    OR NEW.Title COLLATE BINARY IS NOT OLD.Title
    OR NEW.ReportsTo COLLATE BINARY IS NOT OLD.ReportsTo
    OR NEW.BirthDate COLLATE BINARY IS NOT OLD.BirthDate
    OR NEW.HireDate COLLATE BINARY IS NOT OLD.HireDate
    OR NEW.Address COLLATE BINARY IS NOT OLD.Address
    OR NEW.City COLLATE BINARY IS NOT OLD.City
    OR NEW.State COLLATE BINARY IS NOT OLD.State
    OR NEW.Country COLLATE BINARY IS NOT OLD.Country
    OR NEW.PostalCode COLLATE BINARY IS NOT OLD.PostalCode
    OR NEW.Phone COLLATE BINARY IS NOT OLD.Phone
    OR NEW.Fax COLLATE BINARY IS NOT OLD.Fax
    OR NEW.Email COLLATE BINARY IS NOT OLD.Email))
  OR (NEW.wire IS NOT NULL AND (NEW.wire IS NOT OLD.wire OR NEW.revision IS NOT OLD.revision)
    AND (SELECT writing = 0 FROM store_state))
)
BEGIN
  UPDATE store_state SET revision = revision + 1 WHERE writing = 0;
  UPDATE employees
  SET wire = NULL, revision = (SELECT revision FROM store_state), updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
  WHERE EmployeeId = NEW.EmployeeId;
  SELECT RAISE(ABORT, 'another trigger keeps this change from being noticed')
  WHERE EXISTS (SELECT 1 FROM employees WHERE EmployeeId = NEW.EmployeeId AND (wire IS NOT NULL OR (revision IS NEW.revision AND (SELECT writing = 0 FROM store_state))));
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
WHEN (SELECT writing = 0 OR (writing = 2 AND NEW.revision IS NULL) FROM store_state)
BEGIN
  UPDATE store_state SET revision = revision + 1 WHERE writing = 0;
  UPDATE customers
  SET wire = NULL, revision = (SELECT revision FROM store_state), created_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
  WHERE CustomerId = NEW.CustomerId;
  SELECT RAISE(ABORT, 'another trigger keeps this change from being noticed')
  WHERE EXISTS (SELECT 1 FROM customers WHERE CustomerId = NEW.CustomerId AND (wire IS NOT NULL OR (revision IS NEW.revision)));
END;

CREATE TRIGGER customers_outside_update AFTER UPDATE ON customers
WHEN (SELECT writing <> 1 FROM store_state) AND (
  (NEW.revision IS OLD.revision AND (NEW.CustomerId COLLATE BINARY IS NOT OLD.CustomerId
    OR NEW.data COLLATE BINARY IS NOT OLD.data
    OR NEW.created_at COLLATE BINARY IS NOT OLD.created_at
    OR NEW.updated_at COLLATE BINARY IS NOT OLD.updated_at
    OR NEW.FirstName COLLATE BINARY IS NOT OLD.FirstName
    OR NEW.LastName COLLATE BINARY IS NOT OLD.LastName
    OR NEW.Company COLLATE BINARY IS NOT OLD.Company
    OR NEW.Address COLLATE BINARY IS NOT OLD.Address
    OR NEW.City COLLATE BINARY IS NOT OLD.City
    OR NEW.State COLLATE BINARY IS NOT OLD.State
    OR NEW.Country COLLATE BINARY IS NOT OLD.Country
    OR NEW.PostalCode COLLATE BINARY IS NOT OLD.PostalCode
    OR NEW.Phone COLLATE BINARY IS NOT OLD.Phone
    OR NEW.Fax COLLATE BINARY IS NOT OLD.Fax
    OR NEW.Email COLLATE BINARY IS NOT OLD.Email
    OR NEW.SupportRepId COLLATE BINARY IS NOT OLD.SupportRepId
    OR NEW.status COLLATE BINARY IS NOT OLD.status))
  OR (NEW.wire IS NOT NULL AND (NEW.wire IS NOT OLD.wire OR NEW.revision IS NOT OLD.revision)
    AND (SELECT writing = 0 FROM store_state))
)
BEGIN
  UPDATE store_state SET revision = revision + 1 WHERE writing = 0;
  UPDATE customers
  SET wire = NULL, revision = (SELECT revision FROM store_state), updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
  WHERE CustomerId = NEW.CustomerId;
  SELECT RAISE(ABORT, 'another trigger keeps this change from being noticed')
  WHERE EXISTS (SELECT 1 FROM customers WHERE CustomerId = NEW.CustomerId AND (wire IS NOT NULL OR (revision IS NEW.revision AND (SELECT writing = 0 FROM store_state))));
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
WHEN (SELECT writing = 0 OR (writing = 2 AND NEW.revision IS NULL) FROM store_state)
BEGIN
  UPDATE store_state SET revision = revision + 1 WHERE writing = 0;
  UPDATE invoices
  SET wire = NULL, revision = (SELECT revision FROM store_state), created_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
  WHERE InvoiceId = NEW.InvoiceId;
  SELECT RAISE(ABORT, 'another trigger keeps this change from being noticed')
  WHERE EXISTS (SELECT 1 FROM invoices WHERE InvoiceId = NEW.InvoiceId AND (wire IS NOT NULL OR (revision IS NEW.revision)));
END;

CREATE TRIGGER invoices_outside_update AFTER UPDATE ON invoices
WHEN (SELECT writing <> 1 FROM store_state) AND (
  (NEW.revision IS OLD.revision AND (NEW.InvoiceId COLLATE BINARY IS NOT OLD.InvoiceId
    OR NEW.data COLLATE BINARY IS NOT OLD.data
    OR NEW.created_at COLLATE BINARY IS NOT OLD.created_at
    OR NEW.updated_at COLLATE BINARY IS NOT OLD.updated_at
    OR NEW.CustomerId COLLATE BINARY IS NOT OLD.CustomerId
    OR NEW.InvoiceDate COLLATE BINARY IS NOT OLD.InvoiceDate
    OR NEW.BillingAddress COLLATE BINARY IS NOT OLD.BillingAddress
    OR NEW.BillingCity COLLATE BINARY IS NOT OLD.BillingCity
    OR NEW.BillingState COLLATE BINARY IS NOT OLD.BillingState
    OR NEW.BillingCountry COLLATE BINARY IS NOT OLD.BillingCountry
    OR NEW.BillingPostalCode COLLATE BINARY IS NOT OLD.BillingPostalCode
    OR NEW.Total COLLATE BINARY IS NOT OLD.Total))
  OR (NEW.wire IS NOT NULL AND (NEW.wire IS NOT OLD.wire OR NEW.revision IS NOT OLD.revision)
    AND (SELECT writing = 0 FROM store_state))
)
BEGIN
  UPDATE store_state SET revision = revision + 1 WHERE writing = 0;
  UPDATE invoices
  SET wire = NULL, revision = (SELECT revision FROM store_state), updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
  WHERE InvoiceId = NEW.InvoiceId;
  SELECT RAISE(ABORT, 'another trigger keeps this change from being noticed')
  WHERE EXISTS (SELECT 1 FROM invoices WHERE InvoiceId = NEW.InvoiceId AND (wire IS NOT NULL OR (revision IS NEW.revision AND (SELECT writing = 0 FROM store_state))));
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

CREATE TRIGGER invoice_items_before_insert BEFORE INSERT ON invoice_items
WHEN (SELECT writing <> 1 FROM store_state)
BEGIN
  DELETE FROM store_replaced WHERE table_name = 'invoice_items' AND found_by = 'key';
  INSERT INTO store_replaced (table_name, found_by, key, parent_key)
  SELECT 'invoice_items', 'key', InvoiceLineId, InvoiceId FROM invoice_items WHERE InvoiceLineId = NEW.InvoiceLineId;
END;

CREATE TRIGGER invoice_items_before_update BEFORE UPDATE ON invoice_items
WHEN (SELECT writing <> 1 FROM store_state) AND NEW.InvoiceLineId <> OLD.InvoiceLineId
BEGIN
  DELETE FROM store_replaced WHERE table_name = 'invoice_items' AND found_by = 'key';
  INSERT INTO store_replaced (table_name, found_by, key, parent_key)
  SELECT 'invoice_items', 'key', InvoiceLineId, InvoiceId FROM invoice_items WHERE InvoiceLineId = NEW.InvoiceLineId;
END;

CREATE TRIGGER invoice_items_outside_insert AFTER INSERT ON invoice_items
WHEN (SELECT writing <> 1 FROM store_state)
BEGIN
  UPDATE store_state SET revision = revision + 1 WHERE writing = 0;
  UPDATE invoices
  SET wire = NULL, revision = (SELECT revision FROM store_state), updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
  WHERE InvoiceId IN (
    SELECT NEW.InvoiceId
    UNION SELECT parent_key FROM store_replaced
    WHERE table_name = 'invoice_items' AND NOT EXISTS (
      SELECT 1 FROM invoice_items WHERE InvoiceLineId = store_replaced.key AND InvoiceId = store_replaced.parent_key
    )
  );
  SELECT RAISE(ABORT, 'another trigger keeps this change from being noticed')
  WHERE EXISTS (SELECT 1 FROM invoices WHERE InvoiceId IN (SELECT NEW.InvoiceId) AND wire IS NOT NULL);
  DELETE FROM store_replaced WHERE table_name = 'invoice_items';
END;

CREATE TRIGGER invoice_items_outside_update AFTER UPDATE ON invoice_items
WHEN (SELECT writing <> 1 FROM store_state) AND (NEW.InvoiceLineId COLLATE BINARY IS NOT OLD.InvoiceLineId
    OR NEW.InvoiceId COLLATE BINARY IS NOT OLD.InvoiceId
    OR NEW.data COLLATE BINARY IS NOT OLD.data
    OR NEW.TrackId COLLATE BINARY IS NOT OLD.TrackId
    OR NEW.UnitPrice COLLATE BINARY IS NOT OLD.UnitPrice
    OR NEW.Quantity COLLATE BINARY IS NOT OLD.Quantity)
BEGIN
  UPDATE store_state SET revision = revision + 1 WHERE writing = 0;
  UPDATE invoices
  SET wire = NULL, revision = (SELECT revision FROM store_state), updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
  WHERE InvoiceId IN (
    SELECT NEW.InvoiceId UNION SELECT OLD.InvoiceId
    UNION SELECT parent_key FROM store_replaced
    WHERE table_name = 'invoice_items' AND NOT EXISTS (
      SELECT 1 FROM invoice_items WHERE InvoiceLineId = store_replaced.key AND InvoiceId = store_replaced.parent_key
    )
  );
  SELECT RAISE(ABORT, 'another trigger keeps this change from being noticed')
  WHERE EXISTS (SELECT 1 FROM invoices WHERE InvoiceId IN (SELECT NEW.InvoiceId UNION SELECT OLD.InvoiceId) AND wire IS NOT NULL);
  INSERT INTO id_high_water (table_name, last_id)
  SELECT 'invoice_items', OLD.InvoiceLineId WHERE NEW.InvoiceLineId <> OLD.InvoiceLineId
  ON CONFLICT (table_name) DO UPDATE SET last_id = max(last_id, excluded.last_id);
  DELETE FROM store_replaced WHERE table_name = 'invoice_items';
END;

CREATE TRIGGER invoice_items_outside_delete AFTER DELETE ON invoice_items
WHEN (SELECT writing <> 1 FROM store_state)
BEGIN
  UPDATE store_state SET revision = revision + 1 WHERE writing = 0;
  UPDATE invoices
  SET wire = NULL, revision = (SELECT revision FROM store_state), updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
  WHERE InvoiceId IN (
    SELECT OLD.InvoiceId
  );
  SELECT RAISE(ABORT, 'another trigger keeps this change from being noticed')
  WHERE EXISTS (SELECT 1 FROM invoices WHERE InvoiceId IN (SELECT OLD.InvoiceId) AND wire IS NOT NULL);
  DELETE FROM store_replaced WHERE table_name = 'invoice_items' AND key = OLD.InvoiceLineId;
END;

CREATE TRIGGER invoice_items_delete AFTER DELETE ON invoice_items
BEGIN
  INSERT INTO id_high_water (table_name, last_id) VALUES ('invoice_items', OLD.InvoiceLineId)
  ON CONFLICT (table_name) DO UPDATE SET last_id = max(last_id, excluded.last_id);
END;

-- The search index: what REPLACE has removed is taken out of it, and a change that a collation of the
-- column calls none is one.

DROP TRIGGER track_search_tracks_insert;
DROP TRIGGER track_search_tracks_update;
DROP TRIGGER track_search_tracks_delete;
DROP TRIGGER track_search_albums_insert;
DROP TRIGGER track_search_albums_update;
DROP TRIGGER track_search_albums_delete;
DROP TRIGGER track_search_artists_insert;
DROP TRIGGER track_search_artists_update;
DROP TRIGGER track_search_artists_delete;

CREATE TRIGGER track_search_tracks_insert AFTER INSERT ON tracks
BEGIN
  DELETE FROM track_search WHERE rowid IN (SELECT NEW.TrackId UNION SELECT key FROM store_replaced WHERE table_name = 'tracks');
  INSERT INTO track_search (rowid, title, composer, album, artist)
  SELECT TrackId, title, composer, album, artist FROM track_search_source
  WHERE TrackId IN (SELECT NEW.TrackId UNION SELECT key FROM store_replaced WHERE table_name = 'tracks');
END;

CREATE TRIGGER track_search_tracks_update AFTER UPDATE ON tracks
WHEN NEW.TrackId IS NOT OLD.TrackId OR NEW.Name COLLATE BINARY IS NOT OLD.Name
  OR NEW.Composer COLLATE BINARY IS NOT OLD.Composer OR NEW.AlbumId IS NOT OLD.AlbumId
BEGIN
  DELETE FROM track_search WHERE rowid IN (SELECT OLD.TrackId UNION SELECT NEW.TrackId UNION SELECT key FROM store_replaced WHERE table_name = 'tracks');
  INSERT INTO track_search (rowid, title, composer, album, artist)
  SELECT TrackId, title, composer, album, artist FROM track_search_source
  WHERE TrackId IN (SELECT OLD.TrackId UNION SELECT NEW.TrackId UNION SELECT key FROM store_replaced WHERE table_name = 'tracks');
END;

CREATE TRIGGER track_search_tracks_delete AFTER DELETE ON tracks
BEGIN
  DELETE FROM track_search WHERE rowid = OLD.TrackId;
END;

CREATE TRIGGER track_search_albums_insert AFTER INSERT ON albums
BEGIN
  DELETE FROM track_search WHERE rowid IN (
    SELECT TrackId FROM tracks WHERE AlbumId IN (SELECT NEW.AlbumId UNION SELECT key FROM store_replaced WHERE table_name = 'albums')
  );
  INSERT INTO track_search (rowid, title, composer, album, artist)
  SELECT TrackId, title, composer, album, artist FROM track_search_source
  WHERE TrackId IN (
    SELECT TrackId FROM tracks WHERE AlbumId IN (SELECT NEW.AlbumId UNION SELECT key FROM store_replaced WHERE table_name = 'albums')
  );
END;

CREATE TRIGGER track_search_albums_update AFTER UPDATE ON albums
WHEN NEW.AlbumId IS NOT OLD.AlbumId OR NEW.Title COLLATE BINARY IS NOT OLD.Title
  OR NEW.ArtistId IS NOT OLD.ArtistId
BEGIN
  DELETE FROM track_search WHERE rowid IN (
    SELECT TrackId FROM tracks WHERE AlbumId IN (SELECT OLD.AlbumId UNION SELECT NEW.AlbumId UNION SELECT key FROM store_replaced WHERE table_name = 'albums')
  );
  INSERT INTO track_search (rowid, title, composer, album, artist)
  SELECT TrackId, title, composer, album, artist FROM track_search_source
  WHERE TrackId IN (
    SELECT TrackId FROM tracks WHERE AlbumId IN (SELECT OLD.AlbumId UNION SELECT NEW.AlbumId UNION SELECT key FROM store_replaced WHERE table_name = 'albums')
  );
END;

CREATE TRIGGER track_search_albums_delete AFTER DELETE ON albums
BEGIN
  DELETE FROM track_search
  WHERE rowid IN (SELECT TrackId FROM tracks WHERE AlbumId = OLD.AlbumId);
  INSERT INTO track_search (rowid, title, composer, album, artist)
  SELECT TrackId, title, composer, album, artist FROM track_search_source
  WHERE TrackId IN (SELECT TrackId FROM tracks WHERE AlbumId = OLD.AlbumId);
END;

CREATE TRIGGER track_search_artists_insert AFTER INSERT ON artists
BEGIN
  DELETE FROM track_search WHERE rowid IN (
    SELECT tracks.TrackId FROM albums JOIN tracks ON tracks.AlbumId = albums.AlbumId
    WHERE albums.ArtistId IN (SELECT NEW.ArtistId UNION SELECT key FROM store_replaced WHERE table_name = 'artists')
  );
  INSERT INTO track_search (rowid, title, composer, album, artist)
  SELECT TrackId, title, composer, album, artist FROM track_search_source
  WHERE TrackId IN (
    SELECT tracks.TrackId FROM albums JOIN tracks ON tracks.AlbumId = albums.AlbumId
    WHERE albums.ArtistId IN (SELECT NEW.ArtistId UNION SELECT key FROM store_replaced WHERE table_name = 'artists')
  );
END;

CREATE TRIGGER track_search_artists_update AFTER UPDATE ON artists
WHEN NEW.ArtistId IS NOT OLD.ArtistId OR NEW.Name COLLATE BINARY IS NOT OLD.Name
BEGIN
  DELETE FROM track_search WHERE rowid IN (
    SELECT tracks.TrackId FROM albums JOIN tracks ON tracks.AlbumId = albums.AlbumId
    WHERE albums.ArtistId IN (SELECT OLD.ArtistId UNION SELECT NEW.ArtistId UNION SELECT key FROM store_replaced WHERE table_name = 'artists')
  );
  INSERT INTO track_search (rowid, title, composer, album, artist)
  SELECT TrackId, title, composer, album, artist FROM track_search_source
  WHERE TrackId IN (
    SELECT tracks.TrackId FROM albums JOIN tracks ON tracks.AlbumId = albums.AlbumId
    WHERE albums.ArtistId IN (SELECT OLD.ArtistId UNION SELECT NEW.ArtistId UNION SELECT key FROM store_replaced WHERE table_name = 'artists')
  );
END;

CREATE TRIGGER track_search_artists_delete AFTER DELETE ON artists
BEGIN
  DELETE FROM track_search WHERE rowid IN (
    SELECT tracks.TrackId FROM albums JOIN tracks ON tracks.AlbumId = albums.AlbumId
    WHERE albums.ArtistId = OLD.ArtistId
  );
  INSERT INTO track_search (rowid, title, composer, album, artist)
  SELECT TrackId, title, composer, album, artist FROM track_search_source
  WHERE TrackId IN (
    SELECT tracks.TrackId FROM albums JOIN tracks ON tracks.AlbumId = albums.AlbumId
    WHERE albums.ArtistId = OLD.ArtistId
  );
END;
