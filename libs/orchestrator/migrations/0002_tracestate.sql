-- What came with the caller's traceparent; NULL if nothing did.
ALTER TABLE sagas ADD COLUMN tracestate text;
