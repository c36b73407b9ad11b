-- Deletes every row of books.
DROP TABLE books;
