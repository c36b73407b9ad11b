-- Takes the full-text index away; it holds nothing that is not in the rows.

DROP TRIGGER track_search_artists_update ON artists;
DROP TRIGGER track_search_albums_update ON albums;
DROP TRIGGER track_search_tracks_truncate ON tracks;
DROP TRIGGER track_search_tracks_delete ON tracks;
DROP TRIGGER track_search_tracks_update ON tracks;
DROP TRIGGER track_search_tracks_insert ON tracks;
DROP FUNCTION track_search_after_change;
DROP FUNCTION track_search_renew;
DROP VIEW track_search_source;
DROP TABLE track_search;
DROP FUNCTION search_pieces;
DROP FUNCTION search_query;
DROP FUNCTION search_term;
DROP FUNCTION search_words;
DROP FUNCTION search_fold;
DROP FUNCTION search_marks;
DROP FUNCTION search_separators;
