-- Forgets the descriptors; the next server takes its own for those of all rows.
DROP TABLE schema_state;
DROP TABLE stored_schemas;
