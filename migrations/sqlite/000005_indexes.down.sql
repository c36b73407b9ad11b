-- Takes the indexes and the computed columns away; neither holds anything that is not in the rows.

DROP INDEX invoices_invoice_time;
ALTER TABLE invoices DROP COLUMN invoice_time;

DROP INDEX genres_display_name_order;
DROP INDEX genres_display_name;
DROP INDEX customers_loyalty_points_order;
DROP INDEX customers_loyalty_points;
ALTER TABLE customers DROP COLUMN loyalty_points;

DROP INDEX playlists_visibility_order;
DROP INDEX playlists_visibility;
ALTER TABLE playlists DROP COLUMN visibility;

DROP INDEX tracks_bpm;
ALTER TABLE tracks DROP COLUMN bpm;

DROP INDEX tracks_isrc_order;
DROP INDEX tracks_isrc;
ALTER TABLE tracks DROP COLUMN isrc;

DROP INDEX albums_upc_order;
DROP INDEX albums_upc;
ALTER TABLE albums DROP COLUMN upc;

DROP INDEX albums_label_order;
DROP INDEX albums_label;
ALTER TABLE albums DROP COLUMN label;

DROP INDEX artists_region_code_order;
DROP INDEX artists_region_code;
ALTER TABLE artists DROP COLUMN region_code;
