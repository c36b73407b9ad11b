-- Takes the triggers back to what they were: what REPLACE and triggers of others do is seen no longer.

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
DROP TRIGGER invoice_items_before_insert;
DROP TRIGGER invoice_items_before_update;
DROP TRIGGER invoice_items_outside_insert;
DROP TRIGGER invoice_items_outside_update;
DROP TRIGGER invoice_items_outside_delete;
DROP TRIGGER invoice_items_delete;
DROP TRIGGER track_search_tracks_insert;
DROP TRIGGER track_search_tracks_update;
DROP TRIGGER track_search_tracks_delete;
DROP TRIGGER track_search_albums_insert;
DROP TRIGGER track_search_albums_update;
DROP TRIGGER track_search_albums_delete;
DROP TRIGGER track_search_artists_insert;
DROP TRIGGER track_search_artists_update;
DROP TRIGGER track_search_artists_delete;
DROP TABLE store_replaced;

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

CREATE TRIGGER track_search_tracks_insert AFTER INSERT ON tracks
BEGIN
  DELETE FROM track_search WHERE rowid = NEW.TrackId;
  INSERT INTO track_search (rowid, title, composer, album, artist)
  SELECT TrackId, title, composer, album, artist FROM track_search_source
  WHERE TrackId = NEW.TrackId;
END;

CREATE TRIGGER track_search_tracks_update AFTER UPDATE OF TrackId, Name, Composer, AlbumId ON tracks
WHEN NEW.TrackId IS NOT OLD.TrackId OR NEW.Name IS NOT OLD.Name
  OR NEW.Composer IS NOT OLD.Composer OR NEW.AlbumId IS NOT OLD.AlbumId
BEGIN
  DELETE FROM track_search WHERE rowid IN (OLD.TrackId, NEW.TrackId);
  INSERT INTO track_search (rowid, title, composer, album, artist)
  SELECT TrackId, title, composer, album, artist FROM track_search_source
  WHERE TrackId = NEW.TrackId;
END;

CREATE TRIGGER track_search_tracks_delete AFTER DELETE ON tracks
BEGIN
  DELETE FROM track_search WHERE rowid = OLD.TrackId;
END;

CREATE TRIGGER track_search_albums_insert AFTER INSERT ON albums
BEGIN
  DELETE FROM track_search
  WHERE rowid IN (SELECT TrackId FROM tracks WHERE AlbumId = NEW.AlbumId);
  INSERT INTO track_search (rowid, title, composer, album, artist)
  SELECT TrackId, title, composer, album, artist FROM track_search_source
  WHERE TrackId IN (SELECT TrackId FROM tracks WHERE AlbumId = NEW.AlbumId);
END;

CREATE TRIGGER track_search_albums_update AFTER UPDATE OF AlbumId, Title, ArtistId ON albums
WHEN NEW.AlbumId IS NOT OLD.AlbumId OR NEW.Title IS NOT OLD.Title
  OR NEW.ArtistId IS NOT OLD.ArtistId
BEGIN
  DELETE FROM track_search
  WHERE rowid IN (SELECT TrackId FROM tracks WHERE AlbumId IN (OLD.AlbumId, NEW.AlbumId));
  INSERT INTO track_search (rowid, title, composer, album, artist)
  SELECT TrackId, title, composer, album, artist FROM track_search_source
  WHERE TrackId IN (SELECT TrackId FROM tracks WHERE AlbumId IN (OLD.AlbumId, NEW.AlbumId));
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
    WHERE albums.ArtistId = NEW.ArtistId
  );
  INSERT INTO track_search (rowid, title, composer, album, artist)
  SELECT TrackId, title, composer, album, artist FROM track_search_source
  WHERE TrackId IN (
    SELECT tracks.TrackId FROM albums JOIN tracks ON tracks.AlbumId = albums.AlbumId
    WHERE albums.ArtistId = NEW.ArtistId
  );
END;

CREATE TRIGGER track_search_artists_update AFTER UPDATE OF ArtistId, Name ON artists
WHEN NEW.ArtistId IS NOT OLD.ArtistId OR NEW.Name IS NOT OLD.Name
BEGIN
  DELETE FROM track_search WHERE rowid IN (
    SELECT tracks.TrackId FROM albums JOIN tracks ON tracks.AlbumId = albums.AlbumId
    WHERE albums.ArtistId IN (OLD.ArtistId, NEW.ArtistId)
  );
  INSERT INTO track_search (rowid, title, composer, album, artist)
  SELECT TrackId, title, composer, album, artist FROM track_search_source
  WHERE TrackId IN (
    SELECT tracks.TrackId FROM albums JOIN tracks ON tracks.AlbumId = albums.AlbumId
    WHERE albums.ArtistId IN (OLD.ArtistId, NEW.ArtistId)
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
