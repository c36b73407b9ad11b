-- Indexes for the indexed_fields of the messages. A field of the JSON gets a column that SQLite
-- computes from it and does not store: it holds what filters compare, in the very words of the
-- statements, since only then does SQLite use the index. These columns have no type, which would
-- change values, but for the integers that are strings in the JSON.
-- Where a field that is not set sorts as its default, order_by has an index of its own.

ALTER TABLE artists ADD COLUMN region_code GENERATED ALWAYS AS (json_extract(data, '$.regionCode')) VIRTUAL;
CREATE INDEX artists_region_code ON artists (region_code);
CREATE INDEX artists_region_code_order ON artists (coalesce(region_code, ''));

ALTER TABLE albums ADD COLUMN label GENERATED ALWAYS AS (json_extract(data, '$.label')) VIRTUAL;
CREATE INDEX albums_label ON albums (label);
CREATE INDEX albums_label_order ON albums (coalesce(label, ''));

ALTER TABLE albums ADD COLUMN upc GENERATED ALWAYS AS (json_extract(data, '$.upc')) VIRTUAL;
CREATE INDEX albums_upc ON albums (upc);
CREATE INDEX albums_upc_order ON albums (coalesce(upc, ''));

ALTER TABLE tracks ADD COLUMN isrc GENERATED ALWAYS AS (json_extract(data, '$.isrc')) VIRTUAL;
CREATE INDEX tracks_isrc ON tracks (isrc);
CREATE INDEX tracks_isrc_order ON tracks (coalesce(isrc, ''));

-- The JSON has strings for the numbers that it cannot write.
ALTER TABLE tracks ADD COLUMN bpm GENERATED ALWAYS AS (CASE json_extract(data, '$.bpm') WHEN 'NaN' THEN 'NaN' WHEN 'Infinity' THEN 9e999 WHEN '-Infinity' THEN -9e999 ELSE CAST(json_extract(data, '$.bpm') AS REAL) END) VIRTUAL;
CREATE INDEX tracks_bpm ON tracks (bpm);

-- The JSON has the name; order_by goes by the number.
ALTER TABLE playlists ADD COLUMN visibility GENERATED ALWAYS AS (json_extract(data, '$.visibility')) VIRTUAL;
CREATE INDEX playlists_visibility ON playlists (visibility);
CREATE INDEX playlists_visibility_order ON playlists (coalesce(CASE visibility WHEN 'VISIBILITY_UNSPECIFIED' THEN 0 WHEN 'PRIVATE' THEN 1 WHEN 'UNLISTED' THEN 2 WHEN 'PUBLIC' THEN 3 ELSE CAST(visibility AS INTEGER) END, 0));

ALTER TABLE customers ADD COLUMN loyalty_points INTEGER GENERATED ALWAYS AS (CAST(json_extract(data, '$.loyalty.points') AS INTEGER)) VIRTUAL;
CREATE INDEX customers_loyalty_points ON customers (loyalty_points);
CREATE INDEX customers_loyalty_points_order ON customers (CASE WHEN json_type(data, '$.loyalty') = 'object' THEN coalesce(loyalty_points, 0) END);

CREATE INDEX genres_display_name ON genres (Name);
CREATE INDEX genres_display_name_order ON genres (coalesce(Name, ''));

-- Other programs write times in several forms; they are compared in one.
ALTER TABLE invoices ADD COLUMN invoice_time GENERATED ALWAYS AS (substr(InvoiceDate, 1, 10) || ' ' || coalesce(nullif(substr(InvoiceDate, 12, 8), ''), '00:00:00') || '.' || substr(rtrim(substr(InvoiceDate, 21), 'Z') || '000000000', 1, 9)) VIRTUAL;
CREATE INDEX invoices_invoice_time ON invoices (invoice_time);
