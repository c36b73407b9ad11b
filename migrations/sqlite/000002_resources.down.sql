-- Takes away what this migration added: the JSON fields are lost, the columns stay.

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

DROP INDEX customers_phone;
DROP INDEX customers_status;
DROP INDEX customers_email;

ALTER TABLE invoice_items DROP COLUMN data;

ALTER TABLE invoices DROP COLUMN updated_at;
ALTER TABLE invoices DROP COLUMN created_at;
ALTER TABLE invoices DROP COLUMN revision;
ALTER TABLE invoices DROP COLUMN wire;
ALTER TABLE invoices DROP COLUMN data;

ALTER TABLE customers DROP COLUMN status;
ALTER TABLE customers DROP COLUMN updated_at;
ALTER TABLE customers DROP COLUMN created_at;
ALTER TABLE customers DROP COLUMN revision;
ALTER TABLE customers DROP COLUMN wire;
ALTER TABLE customers DROP COLUMN data;

ALTER TABLE employees DROP COLUMN updated_at;
ALTER TABLE employees DROP COLUMN created_at;
ALTER TABLE employees DROP COLUMN revision;
ALTER TABLE employees DROP COLUMN wire;
ALTER TABLE employees DROP COLUMN data;

ALTER TABLE playlists DROP COLUMN updated_at;
ALTER TABLE playlists DROP COLUMN created_at;
ALTER TABLE playlists DROP COLUMN revision;
ALTER TABLE playlists DROP COLUMN wire;
ALTER TABLE playlists DROP COLUMN data;

ALTER TABLE tracks DROP COLUMN updated_at;
ALTER TABLE tracks DROP COLUMN created_at;
ALTER TABLE tracks DROP COLUMN revision;
ALTER TABLE tracks DROP COLUMN wire;
ALTER TABLE tracks DROP COLUMN data;

ALTER TABLE media_types DROP COLUMN updated_at;
ALTER TABLE media_types DROP COLUMN created_at;
ALTER TABLE media_types DROP COLUMN revision;
ALTER TABLE media_types DROP COLUMN wire;
ALTER TABLE media_types DROP COLUMN data;

ALTER TABLE genres DROP COLUMN updated_at;
ALTER TABLE genres DROP COLUMN created_at;
ALTER TABLE genres DROP COLUMN revision;
ALTER TABLE genres DROP COLUMN wire;
ALTER TABLE genres DROP COLUMN data;

ALTER TABLE albums DROP COLUMN updated_at;
ALTER TABLE albums DROP COLUMN created_at;
ALTER TABLE albums DROP COLUMN revision;
ALTER TABLE albums DROP COLUMN wire;
ALTER TABLE albums DROP COLUMN data;

ALTER TABLE artists DROP COLUMN updated_at;
ALTER TABLE artists DROP COLUMN created_at;
ALTER TABLE artists DROP COLUMN revision;
ALTER TABLE artists DROP COLUMN wire;
ALTER TABLE artists DROP COLUMN data;

DROP TABLE id_high_water;
DROP TABLE store_state;
