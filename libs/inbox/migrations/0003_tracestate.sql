-- The message's header of that name; NULL if it had none.
ALTER TABLE inbox_parked ADD COLUMN tracestate text;
