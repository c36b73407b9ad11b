// Triggers as users have them on their tables: that correct the row, change others, keep a log, or
// refuse. Each settles after one round, also where triggers fire triggers.

/** A trigger of a user. */
export interface UserTrigger {
  readonly sql: string;
  /** The tables that it writes. */
  readonly writes: readonly string[];
}

const trigger = (writes: readonly string[], sql: string): UserTrigger => ({ writes, sql });

/** Refuses rows whose text in `column` is the word. */
const refuse = (table: string, column: string, when: string, row: "NEW" | "OLD", how: string) =>
  trigger(
    [],
    `CREATE TRIGGER user_${table}_${when.replaceAll(" ", "_").toLowerCase()}_${how.toLowerCase()}
     ${when} ON ${table} WHEN ${row}.${column} = '${how.toLowerCase()} me'
     BEGIN SELECT RAISE(${how === "IGNORE" ? how : `${how}, 'not this one'`}); END`,
  );

/** The triggers by their names. */
export const USER_TRIGGERS: Readonly<Record<string, UserTrigger>> = {
  artists_trim: trigger(
    ["artists"],
    `CREATE TRIGGER user_artists_trim AFTER INSERT ON artists WHEN NEW.Name <> trim(NEW.Name)
     BEGIN UPDATE artists SET Name = trim(Name) WHERE ArtistId = NEW.ArtistId; END`,
  ),
  albums_upper: trigger(
    ["albums"],
    `CREATE TRIGGER user_albums_upper AFTER UPDATE ON albums WHEN NEW.Title <> upper(NEW.Title)
     BEGIN UPDATE albums SET Title = upper(Title) WHERE AlbumId = NEW.AlbumId; END`,
  ),
  tracks_composer: trigger(
    ["tracks"],
    `CREATE TRIGGER user_tracks_composer AFTER INSERT ON tracks WHEN NEW.Composer IS NULL
     BEGIN UPDATE tracks SET Composer = 'unknown' WHERE TrackId = NEW.TrackId; END`,
  ),
  genres_json: trigger(
    ["genres"],
    `CREATE TRIGGER user_genres_json AFTER UPDATE OF Name ON genres
     BEGIN UPDATE genres SET data = '{"description":"touched"}' WHERE GenreId = NEW.GenreId; END`,
  ),
  customers_email: trigger(
    ["customers"],
    `CREATE TRIGGER user_customers_email AFTER UPDATE ON customers
     WHEN NEW.Email <> lower(NEW.Email)
     BEGIN UPDATE customers SET Email = lower(Email) WHERE CustomerId = NEW.CustomerId; END`,
  ),
  invoices_total: trigger(
    ["invoices"],
    `CREATE TRIGGER user_invoices_total AFTER INSERT ON invoice_items
     BEGIN UPDATE invoices SET Total = (SELECT round(sum(UnitPrice * Quantity), 2) FROM invoice_items
       WHERE InvoiceId = NEW.InvoiceId) WHERE InvoiceId = NEW.InvoiceId; END`,
  ),
  invoices_total_delete: trigger(
    ["invoices"],
    `CREATE TRIGGER user_invoices_total_delete AFTER DELETE ON invoice_items
     BEGIN UPDATE invoices SET Total = 0 WHERE InvoiceId = OLD.InvoiceId AND Total <> 0; END`,
  ),
  invoices_line: trigger(
    ["invoice_items"],
    `CREATE TRIGGER user_invoices_line AFTER INSERT ON invoices
     BEGIN INSERT INTO invoice_items (InvoiceId, TrackId, UnitPrice, Quantity)
       SELECT NEW.InvoiceId, min(TrackId), 0, 1 FROM tracks HAVING count(*) > 0; END`,
  ),
  invoices_line_update: trigger(
    ["invoice_items"],
    `CREATE TRIGGER user_invoices_line_update AFTER UPDATE OF BillingCity ON invoices
     BEGIN UPDATE invoice_items SET Quantity = 9
       WHERE InvoiceId = NEW.InvoiceId AND Quantity <> 9; END`,
  ),
  albums_touched: trigger(
    ["albums"],
    `CREATE TRIGGER user_albums_touched AFTER INSERT ON tracks
     BEGIN UPDATE albums SET data = '{"label":"touched"}' WHERE AlbumId = NEW.AlbumId; END`,
  ),
  artists_touched: trigger(
    ["artists"],
    `CREATE TRIGGER user_artists_touched BEFORE DELETE ON albums
     BEGIN UPDATE artists SET Name = 'lost ' || OLD.AlbumId WHERE ArtistId = OLD.ArtistId; END`,
  ),
  other_customer: trigger(
    ["customers"],
    `CREATE TRIGGER user_other_customer BEFORE UPDATE OF City ON customers WHEN NEW.CustomerId <> 1
     BEGIN UPDATE customers SET Fax = NEW.City WHERE CustomerId = 1; END`,
  ),
  reps_released: trigger(
    ["customers"],
    `CREATE TRIGGER user_reps_released BEFORE DELETE ON employees
     BEGIN UPDATE customers SET SupportRepId = NULL WHERE SupportRepId = OLD.EmployeeId; END`,
  ),
  lines_deleted: trigger(
    ["invoice_items"],
    `CREATE TRIGGER user_lines_deleted BEFORE DELETE ON tracks
     BEGIN DELETE FROM invoice_items WHERE TrackId = OLD.TrackId; END`,
  ),
  playlists_filled: trigger(
    ["playlist_track"],
    `CREATE TRIGGER user_playlists_filled AFTER INSERT ON playlists
     BEGIN INSERT OR IGNORE INTO playlist_track (PlaylistId, TrackId)
       SELECT NEW.PlaylistId, TrackId FROM tracks WHERE TrackId = 1; END`,
  ),
  genre_swallowed: trigger(
    ["genres"],
    `CREATE TRIGGER user_genre_swallowed AFTER INSERT ON genres WHEN NEW.Name = 'x'
     BEGIN DELETE FROM genres WHERE GenreId = NEW.GenreId; END`,
  ),
  artists_log: trigger(
    ["user_log"],
    `CREATE TRIGGER user_artists_log AFTER UPDATE ON artists
     BEGIN INSERT INTO user_log VALUES ('artist', NEW.ArtistId); END`,
  ),
  tracks_log: trigger(
    ["user_log"],
    `CREATE TRIGGER user_tracks_log AFTER DELETE ON tracks
     BEGIN INSERT INTO user_log VALUES ('track', OLD.TrackId); END`,
  ),
  customers_ignore: refuse("customers", "FirstName", "BEFORE INSERT", "NEW", "IGNORE"),
  customers_update_ignore: {
    ...refuse("customers", "FirstName", "BEFORE UPDATE", "NEW", "IGNORE"),
  },
  artists_delete_ignore: refuse("artists", "Name", "BEFORE DELETE", "OLD", "IGNORE"),
  artists_rollback: refuse("artists", "Name", "BEFORE INSERT", "NEW", "ROLLBACK"),
  albums_rollback: refuse("albums", "Title", "AFTER UPDATE", "NEW", "ROLLBACK"),
  tracks_abort: refuse("tracks", "Name", "AFTER INSERT", "NEW", "ABORT"),
  genres_fail: {
    ...refuse("genres", "Name", "AFTER INSERT", "NEW", "FAIL"),
  },
  playlists_rollback: refuse("playlists", "Name", "BEFORE DELETE", "OLD", "ROLLBACK"),
  employees_fail: {
    ...refuse("employees", "LastName", "BEFORE UPDATE", "NEW", "FAIL"),
  },
  lines_ignored: trigger(
    [],
    `CREATE TRIGGER user_lines_ignored BEFORE INSERT ON invoice_items WHEN NEW.Quantity = 3
     BEGIN SELECT RAISE(IGNORE); END`,
  ),
  albums_quiet: {
    ...refuse("albums", "Title", "AFTER UPDATE", "NEW", "IGNORE"),
  },
  genres_quiet: {
    ...refuse("genres", "Name", "AFTER INSERT", "NEW", "IGNORE"),
  },
  lines_quiet: {
    ...trigger(
      [],
      `CREATE TRIGGER user_lines_quiet AFTER UPDATE ON invoice_items WHEN NEW.Quantity = 2
       BEGIN SELECT RAISE(IGNORE); END`,
    ),
  },
  genre_replaced: trigger(
    ["genres"],
    `CREATE TRIGGER user_genre_replaced AFTER INSERT ON playlists
     BEGIN INSERT OR REPLACE INTO genres (GenreId, Name) VALUES (1, NEW.Name); END`,
  ),
  line_replaced: trigger(
    ["invoice_items"],
    `CREATE TRIGGER user_line_replaced AFTER UPDATE OF BillingState ON invoices
     BEGIN INSERT OR REPLACE INTO invoice_items (InvoiceLineId, InvoiceId, TrackId, UnitPrice, Quantity)
       SELECT 1, NEW.InvoiceId, min(TrackId), 1, 1 FROM tracks HAVING count(*) > 0; END`,
  ),
  lines_moved: trigger(
    ["invoice_items"],
    `CREATE TRIGGER user_lines_moved BEFORE DELETE ON invoices
     BEGIN UPDATE invoice_items SET InvoiceId = (SELECT max(InvoiceId) FROM invoices)
       WHERE InvoiceId = OLD.InvoiceId; END`,
  ),
  empty_invoices: trigger(
    ["invoices"],
    `CREATE TRIGGER user_empty_invoices AFTER DELETE ON invoice_items
     WHEN NOT EXISTS (SELECT 1 FROM invoice_items WHERE InvoiceId = OLD.InvoiceId)
     BEGIN DELETE FROM invoices WHERE InvoiceId = OLD.InvoiceId; END`,
  ),
  key_moved: trigger(
    ["media_types"],
    `CREATE TRIGGER user_key_moved AFTER INSERT ON media_types WHEN NEW.Name = 'x'
     BEGIN UPDATE media_types SET MediaTypeId = MediaTypeId + 50 WHERE MediaTypeId = NEW.MediaTypeId; END`,
  ),
  employees_chain: trigger(
    ["employees", "customers"],
    `CREATE TRIGGER user_employees_chain AFTER UPDATE OF City ON employees
     BEGIN UPDATE customers SET City = NEW.City WHERE SupportRepId = NEW.EmployeeId;
       UPDATE employees SET Country = NEW.City
       WHERE ReportsTo = NEW.EmployeeId AND Country IS NOT NEW.City; END`,
  ),
  tracks_counted: trigger(
    ["genres"],
    `CREATE TRIGGER user_tracks_counted AFTER INSERT ON tracks
     BEGIN UPDATE genres SET data = json_set(data, '$.description',
       (SELECT count(*) || ' tracks' FROM tracks WHERE GenreId = NEW.GenreId))
       WHERE GenreId = NEW.GenreId; END`,
  ),
  links_gone: trigger(
    ["playlists"],
    `CREATE TRIGGER user_links_gone AFTER DELETE ON playlist_track
     BEGIN UPDATE playlists SET data = '{"description":"shorter"}'
       WHERE PlaylistId = OLD.PlaylistId; END`,
  ),
  artist_twin: trigger(
    ["artists"],
    `CREATE TRIGGER user_artist_twin AFTER INSERT ON artists WHEN NEW.Name = 'Alpha'
     BEGIN INSERT INTO artists (Name) VALUES ('twin of ' || NEW.ArtistId); END`,
  ),
};
