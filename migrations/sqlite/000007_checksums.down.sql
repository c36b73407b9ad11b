-- Takes back what the up file does; the bytes are trusted again as they are.

ALTER TABLE artists DROP COLUMN checksum;
ALTER TABLE albums DROP COLUMN checksum;
ALTER TABLE genres DROP COLUMN checksum;
ALTER TABLE media_types DROP COLUMN checksum;
ALTER TABLE tracks DROP COLUMN checksum;
ALTER TABLE playlists DROP COLUMN checksum;
ALTER TABLE employees DROP COLUMN checksum;
ALTER TABLE customers DROP COLUMN checksum;
ALTER TABLE invoices DROP COLUMN checksum;
