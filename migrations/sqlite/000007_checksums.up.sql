-- A checksum beside the bytes of each row, which every write of the server sets: the CRC-32 of `wire`,
-- plus `revision`, plus the remainder of the key by 2147483647. SQL cannot compute it, so rows that are
-- there keep NULL: their bytes are not trusted any more, but made anew from their columns and JSON.

ALTER TABLE artists ADD COLUMN checksum INTEGER;
ALTER TABLE albums ADD COLUMN checksum INTEGER;
ALTER TABLE genres ADD COLUMN checksum INTEGER;
ALTER TABLE media_types ADD COLUMN checksum INTEGER;
ALTER TABLE tracks ADD COLUMN checksum INTEGER;
ALTER TABLE playlists ADD COLUMN checksum INTEGER;
ALTER TABLE employees ADD COLUMN checksum INTEGER;
ALTER TABLE customers ADD COLUMN checksum INTEGER;
ALTER TABLE invoices ADD COLUMN checksum INTEGER;
