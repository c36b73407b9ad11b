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
  customers_update_ignore: refuse("customers", "FirstName", "BEFORE UPDATE", "NEW", "IGNORE"),
  artists_delete_ignore: refuse("artists", "Name", "BEFORE DELETE", "OLD", "IGNORE"),
  artists_rollback: refuse("artists", "Name", "BEFORE INSERT", "NEW", "ROLLBACK"),
  albums_rollback: refuse("albums", "Title", "AFTER UPDATE", "NEW", "ROLLBACK"),
  tracks_abort: refuse("tracks", "Name", "AFTER INSERT", "NEW", "ABORT"),
  genres_fail: refuse("genres", "Name", "AFTER INSERT", "NEW", "FAIL"),
  playlists_rollback: refuse("playlists", "Name", "BEFORE DELETE", "OLD", "ROLLBACK"),
  employees_fail: refuse("employees", "LastName", "BEFORE UPDATE", "NEW", "FAIL"),
  lines_ignored: trigger(
    [],
    `CREATE TRIGGER user_lines_ignored BEFORE INSERT ON invoice_items WHEN NEW.Quantity = 3
     BEGIN SELECT RAISE(IGNORE); END`,
  ),
};
