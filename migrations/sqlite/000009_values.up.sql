-- Generated columns that read values as the service does: one meaning in reads, filters and orders.
-- They are NULL for what is no value of the field, and no row makes them fail, not even one whose JSON
-- is broken. Times are compared as instants, in every form that SQLite's own date functions read.

DROP INDEX artists_region_code_order;
DROP INDEX artists_region_code;
ALTER TABLE artists DROP COLUMN region_code;
ALTER TABLE artists ADD COLUMN region_code GENERATED ALWAYS AS (CASE WHEN json_valid(data) THEN CASE json_type(data, '$.regionCode') WHEN 'text' THEN json_extract(data, '$.regionCode') END END) VIRTUAL;
CREATE INDEX artists_region_code ON artists (region_code);
CREATE INDEX artists_region_code_order ON artists (coalesce(region_code, ''));

DROP INDEX albums_label_order;
DROP INDEX albums_label;
ALTER TABLE albums DROP COLUMN label;
ALTER TABLE albums ADD COLUMN label GENERATED ALWAYS AS (CASE WHEN json_valid(data) THEN CASE json_type(data, '$.label') WHEN 'text' THEN json_extract(data, '$.label') END END) VIRTUAL;
CREATE INDEX albums_label ON albums (label);
CREATE INDEX albums_label_order ON albums (coalesce(label, ''));

DROP INDEX albums_upc_order;
DROP INDEX albums_upc;
ALTER TABLE albums DROP COLUMN upc;
ALTER TABLE albums ADD COLUMN upc GENERATED ALWAYS AS (CASE WHEN json_valid(data) THEN CASE json_type(data, '$.upc') WHEN 'text' THEN json_extract(data, '$.upc') END END) VIRTUAL;
CREATE INDEX albums_upc ON albums (upc);
CREATE INDEX albums_upc_order ON albums (coalesce(upc, ''));

DROP INDEX tracks_isrc_order;
DROP INDEX tracks_isrc;
ALTER TABLE tracks DROP COLUMN isrc;
ALTER TABLE tracks ADD COLUMN isrc GENERATED ALWAYS AS (CASE WHEN json_valid(data) THEN CASE json_type(data, '$.isrc') WHEN 'text' THEN json_extract(data, '$.isrc') END END) VIRTUAL;
CREATE INDEX tracks_isrc ON tracks (isrc);
CREATE INDEX tracks_isrc_order ON tracks (coalesce(isrc, ''));

DROP INDEX tracks_bpm;
ALTER TABLE tracks DROP COLUMN bpm;
ALTER TABLE tracks ADD COLUMN bpm GENERATED ALWAYS AS (CASE WHEN json_valid(data) THEN CASE json_type(data, '$.bpm') WHEN 'integer' THEN CASE WHEN abs(CAST(json_extract(data, '$.bpm') AS REAL)) <= 1.7976931348623157e308 THEN CAST(json_extract(data, '$.bpm') AS REAL) END WHEN 'real' THEN CASE WHEN abs(CAST(json_extract(data, '$.bpm') AS REAL)) <= 1.7976931348623157e308 THEN CAST(json_extract(data, '$.bpm') AS REAL) END WHEN 'text' THEN CASE json_extract(data, '$.bpm') WHEN 'NaN' THEN 'NaN' WHEN 'Infinity' THEN 9e999 WHEN '-Infinity' THEN -9e999 ELSE CASE WHEN json_extract(data, '$.bpm') NOT GLOB '*[^-+.0-9eE]*' AND json_valid(json_extract(data, '$.bpm')) THEN CASE WHEN abs(CAST(json_extract(data, '$.bpm') AS REAL)) <= 1.7976931348623157e308 THEN CAST(json_extract(data, '$.bpm') AS REAL) END END END END END) VIRTUAL;
CREATE INDEX tracks_bpm ON tracks (bpm);

DROP INDEX playlists_visibility_order;
DROP INDEX playlists_visibility;
ALTER TABLE playlists DROP COLUMN visibility;
ALTER TABLE playlists ADD COLUMN visibility GENERATED ALWAYS AS (CASE WHEN json_valid(data) THEN CASE json_type(data, '$.visibility') WHEN 'text' THEN json_extract(data, '$.visibility') WHEN 'true' THEN NULL WHEN 'false' THEN NULL ELSE CASE WHEN json_extract(data, '$.visibility') = CAST(json_extract(data, '$.visibility') AS INTEGER) AND json_extract(data, '$.visibility') BETWEEN -2147483648 AND 2147483647 THEN CAST(json_extract(data, '$.visibility') AS INTEGER) END END END) VIRTUAL;
CREATE INDEX playlists_visibility ON playlists (visibility);
CREATE INDEX playlists_visibility_order ON playlists (coalesce(CASE visibility WHEN 'VISIBILITY_UNSPECIFIED' THEN 0 WHEN 'PRIVATE' THEN 1 WHEN 'UNLISTED' THEN 2 WHEN 'PUBLIC' THEN 3 ELSE CAST(visibility AS INTEGER) END, 0));

DROP INDEX customers_loyalty_points_order;
DROP INDEX customers_loyalty_points;
ALTER TABLE customers DROP COLUMN loyalty_points;
ALTER TABLE customers ADD COLUMN loyalty_points GENERATED ALWAYS AS (CASE WHEN json_valid(data) THEN CASE json_type(data, '$.loyalty.points') WHEN 'text' THEN CASE WHEN CAST(CAST(json_extract(data, '$.loyalty.points') AS INTEGER) AS TEXT) = json_extract(data, '$.loyalty.points') THEN CAST(json_extract(data, '$.loyalty.points') AS INTEGER) END WHEN 'true' THEN NULL WHEN 'false' THEN NULL ELSE CASE WHEN CAST(json_extract(data, '$.loyalty.points') AS INTEGER) = json_extract(data, '$.loyalty.points') AND json_extract(data, '$.loyalty.points') BETWEEN -9007199254740991 AND 9007199254740991 THEN CAST(json_extract(data, '$.loyalty.points') AS INTEGER) END END END) VIRTUAL;
CREATE INDEX customers_loyalty_points ON customers (loyalty_points);
CREATE INDEX customers_loyalty_points_order ON customers (CASE WHEN json_type(CASE WHEN json_valid(data) THEN data END, '$.loyalty') = 'object' THEN coalesce(loyalty_points, 0) END);

DROP INDEX invoices_invoice_time;
ALTER TABLE invoices DROP COLUMN invoice_time;
ALTER TABLE invoices ADD COLUMN invoice_time GENERATED ALWAYS AS (CASE WHEN InvoiceDate BETWEEN '0001-' AND ':' AND InvoiceDate GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9]*[0-9Zz]' THEN CASE WHEN date(substr(InvoiceDate, 1, 10)) = substr(InvoiceDate, 1, 10) AND substr(InvoiceDate, 12, 2) < '24' AND (length(InvoiceDate) = 10 OR substr(InvoiceDate, 11, 2) GLOB '[ T][0-9]') THEN CASE WHEN substr(InvoiceDate, 20, 1) = '.' THEN datetime(CASE WHEN time('00:00:00' || substr(InvoiceDate, 20)) IS NOT NULL THEN substr(InvoiceDate, 1, 19) || CASE WHEN substr(InvoiceDate, -6, 1) IN ('+', '-') THEN substr(InvoiceDate, -6) ELSE '' END END) || '.' || substr(substr(CAST('1' || substr(InvoiceDate, 21, 9) AS INTEGER), 2) || '000000000', 1, 9) ELSE datetime(InvoiceDate) || '.000000000' END END END) VIRTUAL;
CREATE INDEX invoices_invoice_time ON invoices (invoice_time);
