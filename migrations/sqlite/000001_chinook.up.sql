-- Chinook's eleven tables under plural names, columns and indexes as Chinook has them.
-- A database that has them already is adopted: this file is then recorded, not run.

CREATE TABLE artists (
  ArtistId INTEGER NOT NULL PRIMARY KEY,
  Name NVARCHAR(120)
);

CREATE TABLE albums (
  AlbumId INTEGER NOT NULL PRIMARY KEY,
  Title NVARCHAR(160) NOT NULL,
  ArtistId INTEGER NOT NULL REFERENCES artists (ArtistId)
);

CREATE TABLE genres (
  GenreId INTEGER NOT NULL PRIMARY KEY,
  Name NVARCHAR(120)
);

CREATE TABLE media_types (
  MediaTypeId INTEGER NOT NULL PRIMARY KEY,
  Name NVARCHAR(120)
);

CREATE TABLE tracks (
  TrackId INTEGER NOT NULL PRIMARY KEY,
  Name NVARCHAR(200) NOT NULL,
  AlbumId INTEGER REFERENCES albums (AlbumId),
  MediaTypeId INTEGER NOT NULL REFERENCES media_types (MediaTypeId),
  GenreId INTEGER REFERENCES genres (GenreId),
  Composer NVARCHAR(220),
  Milliseconds INTEGER NOT NULL,
  Bytes INTEGER,
  UnitPrice NUMERIC(10,2) NOT NULL
);

CREATE TABLE playlists (
  PlaylistId INTEGER NOT NULL PRIMARY KEY,
  Name NVARCHAR(120)
);

CREATE TABLE playlist_track (
  PlaylistId INTEGER NOT NULL REFERENCES playlists (PlaylistId),
  TrackId INTEGER NOT NULL REFERENCES tracks (TrackId),
  PRIMARY KEY (PlaylistId, TrackId)
);

CREATE TABLE employees (
  EmployeeId INTEGER NOT NULL PRIMARY KEY,
  LastName NVARCHAR(20) NOT NULL,
  FirstName NVARCHAR(20) NOT NULL,
  Title NVARCHAR(30),
  ReportsTo INTEGER REFERENCES employees (EmployeeId),
  BirthDate DATETIME,
  HireDate DATETIME,
  Address NVARCHAR(70),
  City NVARCHAR(40),
  State NVARCHAR(40),
  Country NVARCHAR(40),
  PostalCode NVARCHAR(10),
  Phone NVARCHAR(24),
  Fax NVARCHAR(24),
  Email NVARCHAR(60)
);

CREATE TABLE customers (
  CustomerId INTEGER NOT NULL PRIMARY KEY,
  FirstName NVARCHAR(40) NOT NULL,
  LastName NVARCHAR(20) NOT NULL,
  Company NVARCHAR(80),
  Address NVARCHAR(70),
  City NVARCHAR(40),
  State NVARCHAR(40),
  Country NVARCHAR(40),
  PostalCode NVARCHAR(10),
  Phone NVARCHAR(24),
  Fax NVARCHAR(24),
  Email NVARCHAR(60) NOT NULL,
  SupportRepId INTEGER REFERENCES employees (EmployeeId)
);

CREATE TABLE invoices (
  InvoiceId INTEGER NOT NULL PRIMARY KEY,
  CustomerId INTEGER NOT NULL REFERENCES customers (CustomerId),
  InvoiceDate DATETIME NOT NULL,
  BillingAddress NVARCHAR(70),
  BillingCity NVARCHAR(40),
  BillingState NVARCHAR(40),
  BillingCountry NVARCHAR(40),
  BillingPostalCode NVARCHAR(10),
  Total NUMERIC(10,2) NOT NULL
);

CREATE TABLE invoice_items (
  InvoiceLineId INTEGER NOT NULL PRIMARY KEY,
  InvoiceId INTEGER NOT NULL REFERENCES invoices (InvoiceId),
  TrackId INTEGER NOT NULL REFERENCES tracks (TrackId),
  UnitPrice NUMERIC(10,2) NOT NULL,
  Quantity INTEGER NOT NULL
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
