-- The tables of the peer: the columns and indexes that our customers have after all migrations,
-- without triggers and without the message's bytes. Employees are only what a customer refers to.

CREATE TABLE IF NOT EXISTS employees (
  EmployeeId INTEGER NOT NULL PRIMARY KEY
);

INSERT OR IGNORE INTO employees (EmployeeId) VALUES (1), (2), (3), (4), (5), (6), (7), (8);

CREATE TABLE IF NOT EXISTS customers (
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
  SupportRepId INTEGER REFERENCES employees (EmployeeId),
  status INTEGER NOT NULL DEFAULT 1,
  data TEXT NOT NULL DEFAULT '{}',
  revision INTEGER NOT NULL DEFAULT 1,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  loyalty_points INTEGER GENERATED ALWAYS AS (CAST(json_extract(data, '$.loyalty.points') AS INTEGER)) VIRTUAL
);

CREATE INDEX IF NOT EXISTS IFK_CustomerSupportRepId ON customers (SupportRepId);
CREATE INDEX IF NOT EXISTS customers_email ON customers (Email);
CREATE INDEX IF NOT EXISTS customers_status ON customers (status);
CREATE INDEX IF NOT EXISTS customers_phone ON customers (Phone);
CREATE INDEX IF NOT EXISTS customers_loyalty_points ON customers (loyalty_points);
CREATE INDEX IF NOT EXISTS customers_loyalty_points_order
  ON customers (CASE WHEN json_type(data, '$.loyalty') = 'object' THEN coalesce(loyalty_points, 0) END);
