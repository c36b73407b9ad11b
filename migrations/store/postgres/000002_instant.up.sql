-- An index is made, and its table analyzed, with no schema to look for functions in: text_instant, which indexes
-- have, failed there, since it looks for text_day by its name. In a body of SQL it is found once, here.

-- The same for a text that begins with a day which there is.
CREATE FUNCTION text_instant_of_day(value text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  part text[] := regexp_match(
    value,
    '^(\d{4})-(\d\d)-(\d\d)(?:[ T]([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:\.(\d+))?)?(?: *(?:[Zz]|([+-])(0\d|1[0-4]):([0-5]\d)))?)?$'
  );
  moment timestamp;
  fraction text;
BEGIN
  IF part IS NULL THEN
    RETURN NULL;
  END IF;
  moment := make_timestamp(
    part[1]::int, part[2]::int, part[3]::int,
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

CREATE OR REPLACE FUNCTION text_instant(value text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN text_day(value) IS NOT NULL THEN text_instant_of_day(value) END;
