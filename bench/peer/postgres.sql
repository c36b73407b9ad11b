-- The tables of the peer: the columns and indexes that our customers have after all migrations,
-- without triggers and without the message's bytes. Employees are only what a customer refers to.

CREATE TABLE IF NOT EXISTS employees (
  EmployeeId bigint PRIMARY KEY
);

INSERT INTO employees (EmployeeId) VALUES (1), (2), (3), (4), (5), (6), (7), (8) ON CONFLICT DO NOTHING;

CREATE SEQUENCE IF NOT EXISTS customers_id;

CREATE TABLE IF NOT EXISTS customers (
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
  SupportRepId bigint REFERENCES employees (EmployeeId),
  status bigint NOT NULL DEFAULT 1,
  data json NOT NULL DEFAULT '{}',
  revision bigint NOT NULL DEFAULT 1,
  created_at text NOT NULL,
  updated_at text NOT NULL
);

CREATE INDEX IF NOT EXISTS IFK_CustomerSupportRepId ON customers (SupportRepId);
CREATE INDEX IF NOT EXISTS customers_email ON customers (Email, CustomerId);
CREATE INDEX IF NOT EXISTS customers_status ON customers (status, CustomerId);
CREATE INDEX IF NOT EXISTS customers_phone ON customers (Phone, CustomerId);
CREATE INDEX IF NOT EXISTS customers_loyalty_points
  ON customers (((data #>> '{loyalty,points}')::bigint), CustomerId);
CREATE INDEX IF NOT EXISTS customers_loyalty_points_order
  ON customers ((CASE WHEN json_typeof(data -> 'loyalty') = 'object'
    THEN coalesce((data #>> '{loyalty,points}')::bigint, 0) END), CustomerId);
