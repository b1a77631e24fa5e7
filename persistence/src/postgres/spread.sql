-- One row a process that shares boards of this schema with others: which it wants, which of them it owns, and
-- until when it counts, unless it tells of itself again. Boards are named as in URLs.
CREATE TABLE process (
    token uuid PRIMARY KEY,
    pid bigint NOT NULL,
    program text NOT NULL,
    wants text[] NOT NULL,
    owns text[] NOT NULL,
    until timestamptz NOT NULL
) WITH (fillfactor = 50);
