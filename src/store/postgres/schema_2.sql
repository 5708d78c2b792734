-- Assertions of clients that were accepted: each authenticates once.

CREATE TABLE IF NOT EXISTS jeton_assertions (
    key bytea PRIMARY KEY,
    version bigint NOT NULL,
    expire_at timestamptz NOT NULL,
    record bytea NOT NULL
);
