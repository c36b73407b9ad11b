-- Indexes for the indexed_fields of the messages: over the expressions that filters and orders have, in the very
-- words of the statements, since only then are they used. Rows that are equal are in the order of their keys.

CREATE INDEX genres_display_name ON genres (Name, GenreId);
CREATE INDEX genres_display_name_order ON genres ((coalesce(Name, '')), GenreId);

CREATE INDEX artists_region_code ON artists ((CASE json_typeof((data -> 'regionCode')) WHEN 'string' THEN ((data -> 'regionCode') #>> '{}') END), ArtistId);
CREATE INDEX artists_region_code_order ON artists ((coalesce(CASE json_typeof((data -> 'regionCode')) WHEN 'string' THEN ((data -> 'regionCode') #>> '{}') END, '')), ArtistId);

CREATE INDEX albums_label ON albums ((CASE json_typeof((data -> 'label')) WHEN 'string' THEN ((data -> 'label') #>> '{}') END), AlbumId);
CREATE INDEX albums_label_order ON albums ((coalesce(CASE json_typeof((data -> 'label')) WHEN 'string' THEN ((data -> 'label') #>> '{}') END, '')), AlbumId);

CREATE INDEX albums_upc ON albums ((CASE json_typeof((data -> 'upc')) WHEN 'string' THEN ((data -> 'upc') #>> '{}') END), AlbumId);
CREATE INDEX albums_upc_order ON albums ((coalesce(CASE json_typeof((data -> 'upc')) WHEN 'string' THEN ((data -> 'upc') #>> '{}') END, '')), AlbumId);

CREATE INDEX tracks_isrc ON tracks ((CASE json_typeof((data -> 'isrc')) WHEN 'string' THEN ((data -> 'isrc') #>> '{}') END), TrackId);
CREATE INDEX tracks_isrc_order ON tracks ((coalesce(CASE json_typeof((data -> 'isrc')) WHEN 'string' THEN ((data -> 'isrc') #>> '{}') END, '')), TrackId);

CREATE INDEX tracks_bpm ON tracks ((json_double((data -> 'bpm'), 'Infinity')) NULLS FIRST, TrackId);

CREATE INDEX customers_email ON customers (Email, CustomerId);

CREATE INDEX customers_status ON customers (status, CustomerId);

CREATE INDEX customers_phone ON customers (Phone NULLS FIRST, CustomerId);

CREATE INDEX customers_loyalty_points ON customers ((json_integer((data -> 'loyalty' -> 'points'), -9223372036854775808, 9223372036854775807)::bigint), CustomerId);
CREATE INDEX customers_loyalty_points_order ON customers ((CASE WHEN json_kind((data -> 'loyalty')) = 'object' THEN coalesce(json_integer((data -> 'loyalty' -> 'points'), -9223372036854775808, 9223372036854775807)::bigint, 0) END) NULLS FIRST, CustomerId);

CREATE INDEX invoices_invoice_time ON invoices ((text_instant(InvoiceDate)), InvoiceId);

CREATE INDEX playlists_visibility ON playlists ((CASE json_typeof((data -> 'visibility')) WHEN 'string' THEN ((data -> 'visibility') #>> '{}') WHEN 'number' THEN json_integer((data -> 'visibility'), -2147483648, 2147483647)::bigint::text END), PlaylistId);
CREATE INDEX playlists_visibility_order ON playlists ((coalesce(CASE CASE json_typeof((data -> 'visibility')) WHEN 'string' THEN ((data -> 'visibility') #>> '{}') WHEN 'number' THEN json_integer((data -> 'visibility'), -2147483648, 2147483647)::bigint::text END WHEN 'VISIBILITY_UNSPECIFIED' THEN 0 WHEN 'PRIVATE' THEN 1 WHEN 'UNLISTED' THEN 2 WHEN 'PUBLIC' THEN 3 ELSE text_whole(CASE json_typeof((data -> 'visibility')) WHEN 'string' THEN ((data -> 'visibility') #>> '{}') WHEN 'number' THEN json_integer((data -> 'visibility'), -2147483648, 2147483647)::bigint::text END) END, 0)), PlaylistId);
