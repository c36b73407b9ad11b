-- The store's own tables and functions, apart from those that its user's migrations make.

-- The one row of the store's own state. Whoever commits locks it: commits have one order, which is that of
-- their revisions.
CREATE TABLE store_state (
  id bigint PRIMARY KEY CHECK (id = 1),
  revision bigint NOT NULL
);
INSERT INTO store_state (id, revision) VALUES (1, 0);

-- The highest key that a row of a table ever had and has no more: keys are never given again.
CREATE TABLE id_high_water (
  table_name text PRIMARY KEY,
  last_id bigint NOT NULL
);

-- Requests that carried a request_id and were carried out, with what was answered.
CREATE TABLE completed_requests (
  request_id text PRIMARY KEY,
  -- Of the method and everything in the request.
  digest bytea NOT NULL,
  revision bigint NOT NULL,
  -- The stored messages, each after its length.
  messages bytea NOT NULL,
  -- In milliseconds since the epoch.
  completed_at bigint NOT NULL
);
CREATE INDEX completed_requests_completed_at ON completed_requests (completed_at);

-- Keys that all servers of this database share, for example the one that seals page tokens.
CREATE TABLE store_secrets (
  name text PRIMARY KEY,
  value bytea NOT NULL
);

-- The descriptors of the stored messages: what the servers that have written this database knew of them. Each
-- set that was ever served, as a FileDescriptorSet with all imports, by its SHA-256 in hex.
CREATE TABLE stored_schemas (
  hash text PRIMARY KEY,
  image bytea NOT NULL,
  stored_at text NOT NULL,
  -- In the order in which they came, as the rows of SQLite have it.
  rowid bigint GENERATED ALWAYS AS IDENTITY
);

-- One row. `current_hash` is the newest set; `writer_hash` that of the server that wrote last, which may
-- be an older one. While rows are derived anew for the set `derivation_hash`, the others say how far
-- that is: it goes on after the row `derivation_key` of `derivation_table`.
CREATE TABLE schema_state (
  id bigint PRIMARY KEY CHECK (id = 1),
  current_hash text REFERENCES stored_schemas (hash),
  writer_hash text REFERENCES stored_schemas (hash),
  derivation_hash text REFERENCES stored_schemas (hash),
  derivation_table text,
  derivation_key bigint,
  rows_done bigint NOT NULL DEFAULT 0,
  rows_total bigint NOT NULL DEFAULT 0
);
INSERT INTO schema_state (id) VALUES (1);

-- What the server says of itself at the start of its transactions, by SET LOCAL protostore.writing: every
-- other write is that of another program.
CREATE FUNCTION store_is_writing() RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN coalesce(current_setting('protostore.writing', true), '') = '1';

-- Whether a write that a trigger sees is the server's own statement: what others' triggers and foreign keys do
-- because of it is not.
CREATE FUNCTION store_is_own_write() RETURNS boolean
LANGUAGE sql STABLE
RETURN store_is_writing() AND pg_trigger_depth() = 1;

-- The revision of the server's commit that others' code takes part in.
CREATE FUNCTION store_commit_revision() RETURNS bigint
LANGUAGE sql STABLE
RETURN coalesce(
  nullif(current_setting('protostore.revision', true), '')::bigint,
  (SELECT revision + 1 FROM store_state)
);

-- The next revision, for a write of another program: it waits for commits, and they for it.
CREATE FUNCTION store_next_revision() RETURNS bigint
LANGUAGE sql VOLATILE
BEGIN ATOMIC
  UPDATE store_state SET revision = revision + 1 RETURNING revision;
END;

CREATE FUNCTION store_remember_key(name text, key bigint) RETURNS void
LANGUAGE sql VOLATILE
BEGIN ATOMIC
  INSERT INTO id_high_water (table_name, last_id) VALUES (name, key)
  ON CONFLICT (table_name) DO UPDATE SET last_id = greatest(id_high_water.last_id, excluded.last_id);
END;

CREATE FUNCTION store_now() RETURNS text
LANGUAGE sql VOLATILE
RETURN to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');

-- On a resource table, before each write; its arguments are the names of the table and of its key. A row that
-- another program writes has no bytes of its own any more, and the next revision.
CREATE FUNCTION store_before_write() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
  moment text := store_now();
BEGIN
  IF store_is_own_write() THEN
    RETURN NEW;
  END IF;
  IF TG_OP = 'UPDATE' THEN
    IF NEW::text = OLD::text THEN
      RETURN NEW;
    END IF;
    NEW.created_at := OLD.created_at;
  ELSE
    NEW.created_at := moment;
  END IF;
  NEW.wire := NULL;
  NEW.checksum := NULL;
  NEW.revision := CASE WHEN store_is_writing() THEN store_commit_revision() ELSE store_next_revision() END;
  NEW.updated_at := moment;
  RETURN NEW;
END;
$$;

-- After a row is deleted, or has another key.
CREATE FUNCTION store_after_delete() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
  key bigint := (to_jsonb(OLD) ->> TG_ARGV[1])::bigint;
BEGIN
  PERFORM store_remember_key(TG_ARGV[0], key);
  IF TG_OP = 'DELETE' AND NOT store_is_writing() THEN
    PERFORM store_next_revision();
  END IF;
  RETURN NULL;
END;
$$;

-- On a child table, after each write; its arguments are the child table's name, key and parent's key, and the
-- parent's table and key. A line of another program changes the resource that it is part of.
CREATE FUNCTION store_after_child_write() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
  parents bigint[];
BEGIN
  IF TG_OP = 'UPDATE' AND NEW::text = OLD::text THEN
    RETURN NULL;
  END IF;
  IF TG_OP <> 'INSERT' THEN
    PERFORM store_remember_key(TG_ARGV[0], (to_jsonb(OLD) ->> TG_ARGV[1])::bigint);
    parents := ARRAY[(to_jsonb(OLD) ->> TG_ARGV[2])::bigint];
  END IF;
  IF store_is_own_write() THEN
    RETURN NULL;
  END IF;
  IF TG_OP <> 'DELETE' THEN
    parents := parents || (to_jsonb(NEW) ->> TG_ARGV[2])::bigint;
  END IF;
  -- Its own trigger gives each the next revision and takes its bytes away.
  EXECUTE format('UPDATE %I SET wire = NULL, revision = NULL WHERE %I = ANY($1)', TG_ARGV[3], TG_ARGV[4])
  USING parents;
  RETURN NULL;
END;
$$;

-- What is in JSON, as filters and orders read it. None of these functions fails, whatever another program has
-- written: NULL is what cannot be read. They are IMMUTABLE, so that indexes can have them.

-- The type of a JSON value: object, array, text, integer, real, true, false or null.
-- In PL/pgSQL, as whatever an index has is called for each row that is written: SQL takes ten times as long.
CREATE FUNCTION json_kind(value json) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  type text := json_typeof(value);
BEGIN
  RETURN CASE type
    WHEN 'string' THEN 'text'
    WHEN 'number' THEN CASE WHEN value::text ~ '^\s*-?[0-9]+\s*$' THEN 'integer' ELSE 'real' END
    WHEN 'boolean' THEN btrim(value::text)
    ELSE type
  END;
END;
$$;

-- The elements of a list (kind list), or the entries of an object (kind map).
CREATE FUNCTION json_items(whole json) RETURNS TABLE (kind text, key text, value json)
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
  CASE json_typeof(whole)
    WHEN 'array' THEN
      RETURN QUERY SELECT 'list', NULL::text, items.value FROM json_array_elements(whole) AS items;
    WHEN 'object' THEN
      RETURN QUERY SELECT 'map', items.key, items.value FROM json_each(whole) AS items;
    ELSE
      RETURN;
  END CASE;
END;
$$;

-- A decimal number of a length that can be computed with.
CREATE FUNCTION text_number(value text) RETURNS numeric
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE
  WHEN length(value) <= 1000 AND value ~ '^\s*-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]{1,4})?\s*$' THEN value::numeric
END;

CREATE FUNCTION number_double(value numeric) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE
  WHEN abs(value) < 2.5e-324 THEN 0
  WHEN abs(value) < 1.797693134862315807e308 THEN value::double precision
END;

-- The whole number that a text begins with, or 0.
CREATE FUNCTION text_whole(value text) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN coalesce(substring(value from '^\s*(-?[0-9]{1,18})')::bigint, 0);

-- An integer: a string has the digits that a write gives it, a number is exact up to 2^53.
CREATE FUNCTION json_integer(value json, lowest numeric, highest numeric) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  type text := json_typeof(value);
  digits text := value #>> '{}';
  number numeric;
BEGIN
  IF type = 'string' AND digits ~ '^(0|-?[1-9][0-9]{0,19})$' THEN
    number := digits::numeric;
  ELSIF type = 'number' AND length(digits) <= 1000
    AND digits ~ '^\s*-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]{1,4})?\s*$' THEN
    number := digits::numeric;
    IF number <> trunc(number) OR abs(number) > 9007199254740991 THEN
      RETURN NULL;
    END IF;
    number := trunc(number);
  END IF;
  RETURN CASE WHEN number BETWEEN lowest AND highest THEN number END;
END;
$$;

-- A double; NaN is above all others. The strings are those that JSON has for what is no number of its own.
CREATE FUNCTION json_double(value json, beyond double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE
  WHEN json_typeof(value) NOT IN ('string', 'number') THEN NULL
  WHEN json_typeof(value) = 'string' AND value #>> '{}' IN ('NaN', 'Infinity', '-Infinity')
    THEN (value #>> '{}')::double precision
  WHEN abs(number_double(text_number(value #>> '{}'))) < beyond THEN number_double(text_number(value #>> '{}'))
END;

-- A base64 text in the standard alphabet, without the padding; the bits after the last byte must be 0.
CREATE FUNCTION json_base64(value json) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE
  WHEN json_typeof(value) = 'string'
    AND value #>> '{}' ~ '^([A-Za-z0-9+/_-]{4})*([A-Za-z0-9+/_-][AQgw](==?)?|[A-Za-z0-9+/_-]{2}[AEIMQUYcgkosw048]=?)?$'
  THEN rtrim(translate(value #>> '{}', '-_', '+/'), '=')
END;

-- Seconds and nanoseconds of a text such as -1.5s, both with the sign.
CREATE FUNCTION json_duration(value json) RETURNS bigint[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE
  WHEN json_typeof(value) = 'string' AND value #>> '{}' ~ '^-?(0|[1-9][0-9]{0,11})(\.[0-9]{1,9})?s$'
    AND abs(text_whole(value #>> '{}')) <= 315576000000
  THEN ARRAY[
    text_whole(value #>> '{}'),
    rpad(coalesce(substring(value #>> '{}' from '\.([0-9]+)s$'), ''), 9, '0')::bigint
      * CASE WHEN value #>> '{}' LIKE '-%' THEN -1 ELSE 1 END
  ]
END;

-- The instant of a time in text, YYYY-MM-DD HH:MM:SS.nnnnnnnnn in UTC, which compares as text. It calls no
-- function of ours: an index is made, and its table analyzed, with no schema to look for one in.
CREATE FUNCTION text_instant(value text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  part text[] := regexp_match(
    value,
    '^(\d{4})-(\d\d)-(\d\d)(?:[ T]([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:\.(\d+))?)?(?: *(?:[Zz]|([+-])(0\d|1[0-4]):([0-5]\d)))?)?$'
  );
  year int := part[1]::int;
  month int := part[2]::int;
  day int := part[3]::int;
  moment timestamp;
  fraction text;
BEGIN
  IF part IS NULL OR year = 0 OR month NOT BETWEEN 1 AND 12 OR day NOT BETWEEN 1 AND 31 THEN
    RETURN NULL;
  END IF;
  IF day > extract(day FROM make_date(year, month, 1) + interval '1 month' - interval '1 day') THEN
    RETURN NULL;
  END IF;
  moment := make_timestamp(
    year, month, day,
    coalesce(part[4], '0')::int, coalesce(part[5], '0')::int, coalesce(part[6], '0')::int
  ) - make_interval(hours => coalesce(part[9], '0')::int, mins => coalesce(part[10], '0')::int)
    * CASE part[8] WHEN '-' THEN -1 ELSE 1 END;
  IF moment < timestamp '0001-01-01' OR moment >= timestamp '10000-01-01' THEN
    RETURN NULL;
  END IF;
  fraction := rpad(left(coalesce(part[7], ''), 9), 9, '0');
  RETURN to_char(moment, 'YYYY-MM-DD HH24:MI:SS.') || fraction;
END;
$$;

-- The day of a time in text, as it is written.
CREATE FUNCTION text_day(value text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  part text[] := regexp_match(
    value,
    '^((\d{4})-(\d\d)-(\d\d))(?:[ T](?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d+)?)?(?: *(?:[Zz]|[+-](?:0\d|1[0-4]):[0-5]\d))?)?$'
  );
  year int;
  month int;
  day int;
BEGIN
  IF part IS NULL THEN
    RETURN NULL;
  END IF;
  year := part[2]::int;
  month := part[3]::int;
  day := part[4]::int;
  IF year = 0 OR month NOT BETWEEN 1 AND 12 OR day NOT BETWEEN 1 AND 31 THEN
    RETURN NULL;
  END IF;
  IF day > extract(day FROM make_date(year, month, 1) + interval '1 month' - interval '1 day') THEN
    RETURN NULL;
  END IF;
  RETURN part[1];
END;
$$;

-- True if the text has the pieces in their order between what it begins and what it ends with.
CREATE FUNCTION text_matches(value text, pieces text[]) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  first text := pieces[1];
  last text := pieces[array_length(pieces, 1)];
  rest text;
  found int;
BEGIN
  IF length(value) < length(first) + length(last) OR NOT starts_with(value, first)
    OR right(value, length(last)) <> last AND last <> '' THEN
    RETURN false;
  END IF;
  rest := substr(value, length(first) + 1, length(value) - length(first) - length(last));
  FOR i IN 2 .. array_length(pieces, 1) - 1 LOOP
    found := strpos(rest, pieces[i]);
    IF found = 0 AND pieces[i] <> '' THEN
      RETURN false;
    END IF;
    rest := substr(rest, greatest(found, 1) + length(pieces[i]));
  END LOOP;
  RETURN true;
END;
$$;
