-- Makes Chinook's tables resource tables: JSON, exact bytes, revision, times and a checksum beside the columns,
-- and triggers that see what other programs write. The JSON is kept as it was written, with no U+0000,
-- which PostgreSQL has in no text.

ALTER TABLE artists
  ADD COLUMN data json NOT NULL DEFAULT '{}' CHECK (data::text !~ '(^|[^\\])(\\\\)*\\u0000'),
  ADD COLUMN wire bytea,
  ADD COLUMN revision bigint,
  ADD COLUMN created_at text,
  ADD COLUMN updated_at text,
  ADD COLUMN checksum bigint;
CREATE TRIGGER artists_before_write BEFORE INSERT OR UPDATE ON artists
FOR EACH ROW EXECUTE FUNCTION store_before_write();
CREATE TRIGGER artists_after_delete AFTER DELETE ON artists
FOR EACH ROW EXECUTE FUNCTION store_after_delete('artists', 'artistid');
CREATE TRIGGER artists_after_rename AFTER UPDATE OF ArtistId ON artists
FOR EACH ROW WHEN (OLD.ArtistId <> NEW.ArtistId) EXECUTE FUNCTION store_after_delete('artists', 'artistid');

ALTER TABLE albums
  ADD COLUMN data json NOT NULL DEFAULT '{}' CHECK (data::text !~ '(^|[^\\])(\\\\)*\\u0000'),
  ADD COLUMN wire bytea,
  ADD COLUMN revision bigint,
  ADD COLUMN created_at text,
  ADD COLUMN updated_at text,
  ADD COLUMN checksum bigint;
CREATE TRIGGER albums_before_write BEFORE INSERT OR UPDATE ON albums
FOR EACH ROW EXECUTE FUNCTION store_before_write();
CREATE TRIGGER albums_after_delete AFTER DELETE ON albums
FOR EACH ROW EXECUTE FUNCTION store_after_delete('albums', 'albumid');
CREATE TRIGGER albums_after_rename AFTER UPDATE OF AlbumId ON albums
FOR EACH ROW WHEN (OLD.AlbumId <> NEW.AlbumId) EXECUTE FUNCTION store_after_delete('albums', 'albumid');

ALTER TABLE genres
  ADD COLUMN data json NOT NULL DEFAULT '{}' CHECK (data::text !~ '(^|[^\\])(\\\\)*\\u0000'),
  ADD COLUMN wire bytea,
  ADD COLUMN revision bigint,
  ADD COLUMN created_at text,
  ADD COLUMN updated_at text,
  ADD COLUMN checksum bigint;
CREATE TRIGGER genres_before_write BEFORE INSERT OR UPDATE ON genres
FOR EACH ROW EXECUTE FUNCTION store_before_write();
CREATE TRIGGER genres_after_delete AFTER DELETE ON genres
FOR EACH ROW EXECUTE FUNCTION store_after_delete('genres', 'genreid');
CREATE TRIGGER genres_after_rename AFTER UPDATE OF GenreId ON genres
FOR EACH ROW WHEN (OLD.GenreId <> NEW.GenreId) EXECUTE FUNCTION store_after_delete('genres', 'genreid');

ALTER TABLE media_types
  ADD COLUMN data json NOT NULL DEFAULT '{}' CHECK (data::text !~ '(^|[^\\])(\\\\)*\\u0000'),
  ADD COLUMN wire bytea,
  ADD COLUMN revision bigint,
  ADD COLUMN created_at text,
  ADD COLUMN updated_at text,
  ADD COLUMN checksum bigint;
CREATE TRIGGER media_types_before_write BEFORE INSERT OR UPDATE ON media_types
FOR EACH ROW EXECUTE FUNCTION store_before_write();
CREATE TRIGGER media_types_after_delete AFTER DELETE ON media_types
FOR EACH ROW EXECUTE FUNCTION store_after_delete('media_types', 'mediatypeid');
CREATE TRIGGER media_types_after_rename AFTER UPDATE OF MediaTypeId ON media_types
FOR EACH ROW WHEN (OLD.MediaTypeId <> NEW.MediaTypeId) EXECUTE FUNCTION store_after_delete('media_types', 'mediatypeid');

ALTER TABLE tracks
  ADD COLUMN data json NOT NULL DEFAULT '{}' CHECK (data::text !~ '(^|[^\\])(\\\\)*\\u0000'),
  ADD COLUMN wire bytea,
  ADD COLUMN revision bigint,
  ADD COLUMN created_at text,
  ADD COLUMN updated_at text,
  ADD COLUMN checksum bigint;
CREATE TRIGGER tracks_before_write BEFORE INSERT OR UPDATE ON tracks
FOR EACH ROW EXECUTE FUNCTION store_before_write();
CREATE TRIGGER tracks_after_delete AFTER DELETE ON tracks
FOR EACH ROW EXECUTE FUNCTION store_after_delete('tracks', 'trackid');
CREATE TRIGGER tracks_after_rename AFTER UPDATE OF TrackId ON tracks
FOR EACH ROW WHEN (OLD.TrackId <> NEW.TrackId) EXECUTE FUNCTION store_after_delete('tracks', 'trackid');

ALTER TABLE playlists
  ADD COLUMN data json NOT NULL DEFAULT '{}' CHECK (data::text !~ '(^|[^\\])(\\\\)*\\u0000'),
  ADD COLUMN wire bytea,
  ADD COLUMN revision bigint,
  ADD COLUMN created_at text,
  ADD COLUMN updated_at text,
  ADD COLUMN checksum bigint;
CREATE TRIGGER playlists_before_write BEFORE INSERT OR UPDATE ON playlists
FOR EACH ROW EXECUTE FUNCTION store_before_write();
CREATE TRIGGER playlists_after_delete AFTER DELETE ON playlists
FOR EACH ROW EXECUTE FUNCTION store_after_delete('playlists', 'playlistid');
CREATE TRIGGER playlists_after_rename AFTER UPDATE OF PlaylistId ON playlists
FOR EACH ROW WHEN (OLD.PlaylistId <> NEW.PlaylistId) EXECUTE FUNCTION store_after_delete('playlists', 'playlistid');

ALTER TABLE employees
  ADD COLUMN data json NOT NULL DEFAULT '{}' CHECK (data::text !~ '(^|[^\\])(\\\\)*\\u0000'),
  ADD COLUMN wire bytea,
  ADD COLUMN revision bigint,
  ADD COLUMN created_at text,
  ADD COLUMN updated_at text,
  ADD COLUMN checksum bigint;
CREATE TRIGGER employees_before_write BEFORE INSERT OR UPDATE ON employees
FOR EACH ROW EXECUTE FUNCTION store_before_write();
CREATE TRIGGER employees_after_delete AFTER DELETE ON employees
FOR EACH ROW EXECUTE FUNCTION store_after_delete('employees', 'employeeid');
CREATE TRIGGER employees_after_rename AFTER UPDATE OF EmployeeId ON employees
FOR EACH ROW WHEN (OLD.EmployeeId <> NEW.EmployeeId) EXECUTE FUNCTION store_after_delete('employees', 'employeeid');

ALTER TABLE customers
  ADD COLUMN data json NOT NULL DEFAULT '{}' CHECK (data::text !~ '(^|[^\\])(\\\\)*\\u0000'),
  ADD COLUMN wire bytea,
  ADD COLUMN revision bigint,
  ADD COLUMN created_at text,
  ADD COLUMN updated_at text,
  ADD COLUMN checksum bigint;
ALTER TABLE customers ADD COLUMN status bigint NOT NULL DEFAULT 1;
CREATE TRIGGER customers_before_write BEFORE INSERT OR UPDATE ON customers
FOR EACH ROW EXECUTE FUNCTION store_before_write();
CREATE TRIGGER customers_after_delete AFTER DELETE ON customers
FOR EACH ROW EXECUTE FUNCTION store_after_delete('customers', 'customerid');
CREATE TRIGGER customers_after_rename AFTER UPDATE OF CustomerId ON customers
FOR EACH ROW WHEN (OLD.CustomerId <> NEW.CustomerId) EXECUTE FUNCTION store_after_delete('customers', 'customerid');

ALTER TABLE invoices
  ADD COLUMN data json NOT NULL DEFAULT '{}' CHECK (data::text !~ '(^|[^\\])(\\\\)*\\u0000'),
  ADD COLUMN wire bytea,
  ADD COLUMN revision bigint,
  ADD COLUMN created_at text,
  ADD COLUMN updated_at text,
  ADD COLUMN checksum bigint;
CREATE TRIGGER invoices_before_write BEFORE INSERT OR UPDATE ON invoices
FOR EACH ROW EXECUTE FUNCTION store_before_write();
CREATE TRIGGER invoices_after_delete AFTER DELETE ON invoices
FOR EACH ROW EXECUTE FUNCTION store_after_delete('invoices', 'invoiceid');
CREATE TRIGGER invoices_after_rename AFTER UPDATE OF InvoiceId ON invoices
FOR EACH ROW WHEN (OLD.InvoiceId <> NEW.InvoiceId) EXECUTE FUNCTION store_after_delete('invoices', 'invoiceid');

ALTER TABLE invoice_items ADD COLUMN data json NOT NULL DEFAULT '{}' CHECK (data::text !~ '(^|[^\\])(\\\\)*\\u0000');
CREATE TRIGGER invoice_items_after_write AFTER INSERT OR UPDATE OR DELETE ON invoice_items
FOR EACH ROW EXECUTE FUNCTION
  store_after_child_write('invoice_items', 'invoicelineid', 'invoiceid', 'invoices', 'invoiceid');
