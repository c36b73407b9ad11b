-- The full-text index behind TrackService.SearchTracks: what is searched of each track, under the
-- track's id. It keeps its own copy of the text, so that no trigger has to know what was there before,
-- and `protostore verify` can compare the copy with the rows.
-- A program whose SQLite has no FTS5 can read everything else but can no longer write tracks, albums
-- and artists. golang-migrate needs the build tag sqlite_fts5 for this file.

CREATE VIRTUAL TABLE track_search USING fts5 (
  title,
  composer,
  album,
  artist,
  tokenize = 'unicode61 remove_diacritics 2'
);

-- What the index must hold. A track without an album or an artist is found by the rest.
CREATE VIEW track_search_source AS
SELECT
  tracks.TrackId AS TrackId,
  tracks.Name AS title,
  tracks.Composer AS composer,
  albums.Title AS album,
  artists.Name AS artist
FROM tracks
LEFT JOIN albums ON albums.AlbumId = tracks.AlbumId
LEFT JOIN artists ON artists.ArtistId = albums.ArtistId;

INSERT INTO track_search (rowid, title, composer, album, artist)
SELECT TrackId, title, composer, album, artist FROM track_search_source ORDER BY TrackId;

-- Every trigger deletes before it inserts, whatever it expects to be there: an INSERT OR REPLACE, for
-- one, deletes rows without a word to the triggers. Whether the server writes or another program
-- makes no difference here.

CREATE TRIGGER track_search_tracks_insert AFTER INSERT ON tracks
BEGIN
  DELETE FROM track_search WHERE rowid = NEW.TrackId;
  INSERT INTO track_search (rowid, title, composer, album, artist)
  SELECT TrackId, title, composer, album, artist FROM track_search_source
  WHERE TrackId = NEW.TrackId;
END;

CREATE TRIGGER track_search_tracks_update AFTER UPDATE OF TrackId, Name, Composer, AlbumId ON tracks
WHEN NEW.TrackId IS NOT OLD.TrackId OR NEW.Name IS NOT OLD.Name
  OR NEW.Composer IS NOT OLD.Composer OR NEW.AlbumId IS NOT OLD.AlbumId
BEGIN
  DELETE FROM track_search WHERE rowid IN (OLD.TrackId, NEW.TrackId);
  INSERT INTO track_search (rowid, title, composer, album, artist)
  SELECT TrackId, title, composer, album, artist FROM track_search_source
  WHERE TrackId = NEW.TrackId;
END;

CREATE TRIGGER track_search_tracks_delete AFTER DELETE ON tracks
BEGIN
  DELETE FROM track_search WHERE rowid = OLD.TrackId;
END;

-- Where foreign keys are off, a track may be there before its album, and an album before its artist;
-- and either may go first.

CREATE TRIGGER track_search_albums_insert AFTER INSERT ON albums
BEGIN
  DELETE FROM track_search
  WHERE rowid IN (SELECT TrackId FROM tracks WHERE AlbumId = NEW.AlbumId);
  INSERT INTO track_search (rowid, title, composer, album, artist)
  SELECT TrackId, title, composer, album, artist FROM track_search_source
  WHERE TrackId IN (SELECT TrackId FROM tracks WHERE AlbumId = NEW.AlbumId);
END;

CREATE TRIGGER track_search_albums_update AFTER UPDATE OF AlbumId, Title, ArtistId ON albums
WHEN NEW.AlbumId IS NOT OLD.AlbumId OR NEW.Title IS NOT OLD.Title
  OR NEW.ArtistId IS NOT OLD.ArtistId
BEGIN
  DELETE FROM track_search
  WHERE rowid IN (SELECT TrackId FROM tracks WHERE AlbumId IN (OLD.AlbumId, NEW.AlbumId));
  INSERT INTO track_search (rowid, title, composer, album, artist)
  SELECT TrackId, title, composer, album, artist FROM track_search_source
  WHERE TrackId IN (SELECT TrackId FROM tracks WHERE AlbumId IN (OLD.AlbumId, NEW.AlbumId));
END;

CREATE TRIGGER track_search_albums_delete AFTER DELETE ON albums
BEGIN
  DELETE FROM track_search
  WHERE rowid IN (SELECT TrackId FROM tracks WHERE AlbumId = OLD.AlbumId);
  INSERT INTO track_search (rowid, title, composer, album, artist)
  SELECT TrackId, title, composer, album, artist FROM track_search_source
  WHERE TrackId IN (SELECT TrackId FROM tracks WHERE AlbumId = OLD.AlbumId);
END;

CREATE TRIGGER track_search_artists_insert AFTER INSERT ON artists
BEGIN
  DELETE FROM track_search WHERE rowid IN (
    SELECT tracks.TrackId FROM albums JOIN tracks ON tracks.AlbumId = albums.AlbumId
    WHERE albums.ArtistId = NEW.ArtistId
  );
  INSERT INTO track_search (rowid, title, composer, album, artist)
  SELECT TrackId, title, composer, album, artist FROM track_search_source
  WHERE TrackId IN (
    SELECT tracks.TrackId FROM albums JOIN tracks ON tracks.AlbumId = albums.AlbumId
    WHERE albums.ArtistId = NEW.ArtistId
  );
END;

CREATE TRIGGER track_search_artists_update AFTER UPDATE OF ArtistId, Name ON artists
WHEN NEW.ArtistId IS NOT OLD.ArtistId OR NEW.Name IS NOT OLD.Name
BEGIN
  DELETE FROM track_search WHERE rowid IN (
    SELECT tracks.TrackId FROM albums JOIN tracks ON tracks.AlbumId = albums.AlbumId
    WHERE albums.ArtistId IN (OLD.ArtistId, NEW.ArtistId)
  );
  INSERT INTO track_search (rowid, title, composer, album, artist)
  SELECT TrackId, title, composer, album, artist FROM track_search_source
  WHERE TrackId IN (
    SELECT tracks.TrackId FROM albums JOIN tracks ON tracks.AlbumId = albums.AlbumId
    WHERE albums.ArtistId IN (OLD.ArtistId, NEW.ArtistId)
  );
END;

CREATE TRIGGER track_search_artists_delete AFTER DELETE ON artists
BEGIN
  DELETE FROM track_search WHERE rowid IN (
    SELECT tracks.TrackId FROM albums JOIN tracks ON tracks.AlbumId = albums.AlbumId
    WHERE albums.ArtistId = OLD.ArtistId
  );
  INSERT INTO track_search (rowid, title, composer, album, artist)
  SELECT TrackId, title, composer, album, artist FROM track_search_source
  WHERE TrackId IN (
    SELECT tracks.TrackId FROM albums JOIN tracks ON tracks.AlbumId = albums.AlbumId
    WHERE albums.ArtistId = OLD.ArtistId
  );
END;
