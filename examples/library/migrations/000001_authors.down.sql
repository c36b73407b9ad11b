-- Deletes every row of authors.
DROP TABLE authors;
