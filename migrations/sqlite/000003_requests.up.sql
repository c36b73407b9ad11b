-- What the server remembers beside the resources.

-- Requests that carried a request_id and were carried out, with what was answered: the same request
-- is answered the same again. Written in the transaction of the request itself.
CREATE TABLE completed_requests (
  request_id TEXT NOT NULL PRIMARY KEY,
  -- Of the method and everything in the request.
  digest BLOB NOT NULL,
  revision INTEGER NOT NULL,
  -- The stored messages, each behind its length.
  messages BLOB NOT NULL,
  -- In milliseconds since the epoch.
  completed_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX completed_requests_completed_at ON completed_requests (completed_at);

-- Keys that all servers of this database share, for example the one that seals page tokens. A server
-- that misses one makes it.
CREATE TABLE store_secrets (
  name TEXT NOT NULL PRIMARY KEY,
  value BLOB NOT NULL
) WITHOUT ROWID;
