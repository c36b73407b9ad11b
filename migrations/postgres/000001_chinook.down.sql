-- Takes the tables away, and what is in them.

DROP TABLE invoice_items;
DROP TABLE invoices;
DROP TABLE customers;
DROP TABLE employees;
DROP TABLE playlist_track;
DROP TABLE playlists;
DROP TABLE tracks;
DROP TABLE media_types;
DROP TABLE genres;
DROP TABLE albums;
DROP TABLE artists;
