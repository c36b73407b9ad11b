-- Without them filters and orders look at every row.

DROP INDEX genres_display_name;
DROP INDEX genres_display_name_order;
DROP INDEX artists_region_code;
DROP INDEX artists_region_code_order;
DROP INDEX albums_label;
DROP INDEX albums_label_order;
DROP INDEX albums_upc;
DROP INDEX albums_upc_order;
DROP INDEX tracks_isrc;
DROP INDEX tracks_isrc_order;
DROP INDEX tracks_bpm;
DROP INDEX customers_email;
DROP INDEX customers_status;
DROP INDEX customers_phone;
DROP INDEX customers_loyalty_points;
DROP INDEX customers_loyalty_points_order;
DROP INDEX invoices_invoice_time;
DROP INDEX playlists_visibility;
DROP INDEX playlists_visibility_order;
