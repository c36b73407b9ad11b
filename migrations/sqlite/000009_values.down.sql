-- Takes back what the up file does: the columns are those of 000005 again.

DROP INDEX artists_region_code_order;
DROP INDEX artists_region_code;
ALTER TABLE artists DROP COLUMN region_code;
ALTER TABLE artists ADD COLUMN region_code GENERATED ALWAYS AS (json_extract(data, '$.regionCode')) VIRTUAL;
CREATE INDEX artists_region_code ON artists (region_code);
CREATE INDEX artists_region_code_order ON artists (coalesce(region_code, ''));

DROP INDEX albums_label_order;
DROP INDEX albums_label;
ALTER TABLE albums DROP COLUMN label;
ALTER TABLE albums ADD COLUMN label GENERATED ALWAYS AS (json_extract(data, '$.label')) VIRTUAL;
CREATE INDEX albums_label ON albums (label);
CREATE INDEX albums_label_order ON albums (coalesce(label, ''));

DROP INDEX albums_upc_order;
DROP INDEX albums_upc;
ALTER TABLE albums DROP COLUMN upc;
ALTER TABLE albums ADD COLUMN upc GENERATED ALWAYS AS (json_extract(data, '$.upc')) VIRTUAL;
CREATE INDEX albums_upc ON albums (upc);
CREATE INDEX albums_upc_order ON albums (coalesce(upc, ''));

DROP INDEX tracks_isrc_order;
DROP INDEX tracks_isrc;
ALTER TABLE tracks DROP COLUMN isrc;
ALTER TABLE tracks ADD COLUMN isrc GENERATED ALWAYS AS (json_extract(data, '$.isrc')) VIRTUAL;
CREATE INDEX tracks_isrc ON tracks (isrc);
CREATE INDEX tracks_isrc_order ON tracks (coalesce(isrc, ''));

DROP INDEX tracks_bpm;
ALTER TABLE tracks DROP COLUMN bpm;
ALTER TABLE tracks ADD COLUMN bpm GENERATED ALWAYS AS (CASE json_extract(data, '$.bpm') WHEN 'NaN' THEN 'NaN' WHEN 'Infinity' THEN 9e999 WHEN '-Infinity' THEN -9e999 ELSE CAST(json_extract(data, '$.bpm') AS REAL) END) VIRTUAL;
CREATE INDEX tracks_bpm ON tracks (bpm);

DROP INDEX playlists_visibility_order;
DROP INDEX playlists_visibility;
ALTER TABLE playlists DROP COLUMN visibility;
ALTER TABLE playlists ADD COLUMN visibility GENERATED ALWAYS AS (json_extract(data, '$.visibility')) VIRTUAL;
CREATE INDEX playlists_visibility ON playlists (visibility);
CREATE INDEX playlists_visibility_order ON playlists (coalesce(CASE visibility WHEN 'VISIBILITY_UNSPECIFIED' THEN 0 WHEN 'PRIVATE' THEN 1 WHEN 'UNLISTED' THEN 2 WHEN 'PUBLIC' THEN 3 ELSE CAST(visibility AS INTEGER) END, 0));

DROP INDEX customers_loyalty_points_order;
DROP INDEX customers_loyalty_points;
ALTER TABLE customers DROP COLUMN loyalty_points;
ALTER TABLE customers ADD COLUMN loyalty_points INTEGER GENERATED ALWAYS AS (CAST(json_extract(data, '$.loyalty.points') AS INTEGER)) VIRTUAL;
CREATE INDEX customers_loyalty_points ON customers (loyalty_points);
CREATE INDEX customers_loyalty_points_order ON customers (CASE WHEN json_type(data, '$.loyalty') = 'object' THEN coalesce(loyalty_points, 0) END);

DROP INDEX invoices_invoice_time;
ALTER TABLE invoices DROP COLUMN invoice_time;
ALTER TABLE invoices ADD COLUMN invoice_time GENERATED ALWAYS AS (substr(InvoiceDate, 1, 10) || ' ' || coalesce(nullif(substr(InvoiceDate, 12, 8), ''), '00:00:00') || '.' || substr(rtrim(substr(InvoiceDate, 21), 'Z') || '000000000', 1, 9)) VIRTUAL;
CREATE INDEX invoices_invoice_time ON invoices (invoice_time);
