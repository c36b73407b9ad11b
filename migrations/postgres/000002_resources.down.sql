-- Makes the tables plain ones again: what is in the JSON and the bytes is gone.

DROP TRIGGER artists_before_write ON artists;
DROP TRIGGER artists_after_delete ON artists;
DROP TRIGGER artists_after_rename ON artists;
ALTER TABLE artists
  DROP COLUMN data, DROP COLUMN wire, DROP COLUMN revision,
  DROP COLUMN created_at, DROP COLUMN updated_at, DROP COLUMN checksum;
DROP TRIGGER albums_before_write ON albums;
DROP TRIGGER albums_after_delete ON albums;
DROP TRIGGER albums_after_rename ON albums;
ALTER TABLE albums
  DROP COLUMN data, DROP COLUMN wire, DROP COLUMN revision,
  DROP COLUMN created_at, DROP COLUMN updated_at, DROP COLUMN checksum;
DROP TRIGGER genres_before_write ON genres;
DROP TRIGGER genres_after_delete ON genres;
DROP TRIGGER genres_after_rename ON genres;
ALTER TABLE genres
  DROP COLUMN data, DROP COLUMN wire, DROP COLUMN revision,
  DROP COLUMN created_at, DROP COLUMN updated_at, DROP COLUMN checksum;
DROP TRIGGER media_types_before_write ON media_types;
DROP TRIGGER media_types_after_delete ON media_types;
DROP TRIGGER media_types_after_rename ON media_types;
ALTER TABLE media_types
  DROP COLUMN data, DROP COLUMN wire, DROP COLUMN revision,
  DROP COLUMN created_at, DROP COLUMN updated_at, DROP COLUMN checksum;
DROP TRIGGER tracks_before_write ON tracks;
DROP TRIGGER tracks_after_delete ON tracks;
DROP TRIGGER tracks_after_rename ON tracks;
ALTER TABLE tracks
  DROP COLUMN data, DROP COLUMN wire, DROP COLUMN revision,
  DROP COLUMN created_at, DROP COLUMN updated_at, DROP COLUMN checksum;
DROP TRIGGER playlists_before_write ON playlists;
DROP TRIGGER playlists_after_delete ON playlists;
DROP TRIGGER playlists_after_rename ON playlists;
ALTER TABLE playlists
  DROP COLUMN data, DROP COLUMN wire, DROP COLUMN revision,
  DROP COLUMN created_at, DROP COLUMN updated_at, DROP COLUMN checksum;
DROP TRIGGER employees_before_write ON employees;
DROP TRIGGER employees_after_delete ON employees;
DROP TRIGGER employees_after_rename ON employees;
ALTER TABLE employees
  DROP COLUMN data, DROP COLUMN wire, DROP COLUMN revision,
  DROP COLUMN created_at, DROP COLUMN updated_at, DROP COLUMN checksum;
DROP TRIGGER customers_before_write ON customers;
DROP TRIGGER customers_after_delete ON customers;
DROP TRIGGER customers_after_rename ON customers;
ALTER TABLE customers
  DROP COLUMN data, DROP COLUMN wire, DROP COLUMN revision,
  DROP COLUMN created_at, DROP COLUMN updated_at, DROP COLUMN checksum;
ALTER TABLE customers DROP COLUMN status;
DROP TRIGGER invoices_before_write ON invoices;
DROP TRIGGER invoices_after_delete ON invoices;
DROP TRIGGER invoices_after_rename ON invoices;
ALTER TABLE invoices
  DROP COLUMN data, DROP COLUMN wire, DROP COLUMN revision,
  DROP COLUMN created_at, DROP COLUMN updated_at, DROP COLUMN checksum;
DROP TRIGGER invoice_items_after_write ON invoice_items;
ALTER TABLE invoice_items DROP COLUMN data;
