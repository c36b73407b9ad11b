-- Takes the full-text index away; it holds nothing that is not in the rows.

DROP TRIGGER track_search_artists_delete;
DROP TRIGGER track_search_artists_update;
DROP TRIGGER track_search_artists_insert;
DROP TRIGGER track_search_albums_delete;
DROP TRIGGER track_search_albums_update;
DROP TRIGGER track_search_albums_insert;
DROP TRIGGER track_search_tracks_delete;
DROP TRIGGER track_search_tracks_update;
DROP TRIGGER track_search_tracks_insert;
DROP VIEW track_search_source;
DROP TABLE track_search;
