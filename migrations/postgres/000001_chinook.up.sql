-- Chinook's eleven tables under plural names, with the columns and indexes that Chinook has. Names that
-- are not quoted are in lower case here, so that statements find them however they are written.

CREATE TABLE artists (
  ArtistId bigint PRIMARY KEY,
  Name text
);

CREATE TABLE albums (
  AlbumId bigint PRIMARY KEY,
  Title text NOT NULL,
  ArtistId bigint NOT NULL REFERENCES artists (ArtistId)
);

CREATE TABLE genres (
  GenreId bigint PRIMARY KEY,
  Name text
);

CREATE TABLE media_types (
  MediaTypeId bigint PRIMARY KEY,
  Name text
);

CREATE TABLE tracks (
  TrackId bigint PRIMARY KEY,
  Name text NOT NULL,
  AlbumId bigint REFERENCES albums (AlbumId),
  MediaTypeId bigint NOT NULL REFERENCES media_types (MediaTypeId),
  GenreId bigint REFERENCES genres (GenreId),
  Composer text,
  Milliseconds bigint NOT NULL,
  Bytes bigint,
  UnitPrice double precision NOT NULL
);

CREATE TABLE playlists (
  PlaylistId bigint PRIMARY KEY,
  Name text
);

CREATE TABLE playlist_track (
  PlaylistId bigint NOT NULL REFERENCES playlists (PlaylistId),
  TrackId bigint NOT NULL REFERENCES tracks (TrackId),
  PRIMARY KEY (PlaylistId, TrackId)
);

CREATE TABLE employees (
  EmployeeId bigint PRIMARY KEY,
  LastName text NOT NULL,
  FirstName text NOT NULL,
  Title text,
  ReportsTo bigint REFERENCES employees (EmployeeId),
  BirthDate text,
  HireDate text,
  Address text,
  City text,
  State text,
  Country text,
  PostalCode text,
  Phone text,
  Fax text,
  Email text
);

CREATE TABLE customers (
  CustomerId bigint PRIMARY KEY,
  FirstName text NOT NULL,
  LastName text NOT NULL,
  Company text,
  Address text,
  City text,
  State text,
  Country text,
  PostalCode text,
  Phone text,
  Fax text,
  Email text NOT NULL,
  SupportRepId bigint REFERENCES employees (EmployeeId)
);

CREATE TABLE invoices (
  InvoiceId bigint PRIMARY KEY,
  CustomerId bigint NOT NULL REFERENCES customers (CustomerId),
  InvoiceDate text NOT NULL,
  BillingAddress text,
  BillingCity text,
  BillingState text,
  BillingCountry text,
  BillingPostalCode text,
  Total double precision NOT NULL
);

CREATE TABLE invoice_items (
  InvoiceLineId bigint PRIMARY KEY,
  InvoiceId bigint NOT NULL REFERENCES invoices (InvoiceId),
  TrackId bigint NOT NULL REFERENCES tracks (TrackId),
  UnitPrice double precision NOT NULL,
  Quantity bigint NOT NULL
);

CREATE INDEX IFK_AlbumArtistId ON albums (ArtistId);
CREATE INDEX IFK_CustomerSupportRepId ON customers (SupportRepId);
CREATE INDEX IFK_EmployeeReportsTo ON employees (ReportsTo);
CREATE INDEX IFK_InvoiceCustomerId ON invoices (CustomerId);
CREATE INDEX IFK_InvoiceLineInvoiceId ON invoice_items (InvoiceId);
CREATE INDEX IFK_InvoiceLineTrackId ON invoice_items (TrackId);
CREATE INDEX IFK_PlaylistTrackPlaylistId ON playlist_track (PlaylistId);
CREATE INDEX IFK_PlaylistTrackTrackId ON playlist_track (TrackId);
CREATE INDEX IFK_TrackAlbumId ON tracks (AlbumId);
CREATE INDEX IFK_TrackGenreId ON tracks (GenreId);
CREATE INDEX IFK_TrackMediaTypeId ON tracks (MediaTypeId);
