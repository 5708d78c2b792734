-- What an operator may query lies in columns of its own; what only jeton understands, in `record`.
-- Every record is one row, found by `key`, replaced where `version` is the one that was read.

CREATE TABLE IF NOT EXISTS jeton_grants (
    key bytea PRIMARY KEY,
    version bigint NOT NULL,
    client_id text NOT NULL,
    user_id bytea,
    issued_at timestamptz NOT NULL,
    expire_at timestamptz NOT NULL,
    revoked boolean NOT NULL,
    -- When the sweeper looks at it: never after its last token ends, mostly before. A refresh leaves
    -- it alone, so that it writes no index.
    due_at timestamptz NOT NULL,
    record bytea NOT NULL
);
CREATE INDEX IF NOT EXISTS jeton_grants_by_client ON jeton_grants (client_id, key);
CREATE INDEX IF NOT EXISTS jeton_grants_by_user ON jeton_grants (user_id, key);
CREATE INDEX IF NOT EXISTS jeton_grants_by_due ON jeton_grants (due_at, key);

CREATE TABLE IF NOT EXISTS jeton_clients (
    key bytea PRIMARY KEY,
    version bigint NOT NULL,
    client_id text NOT NULL,
    disabled boolean NOT NULL,
    record bytea NOT NULL
);

CREATE TABLE IF NOT EXISTS jeton_users (
    key bytea PRIMARY KEY,
    version bigint NOT NULL,
    name text NOT NULL UNIQUE,
    disabled boolean NOT NULL,
    record bytea NOT NULL
);

CREATE TABLE IF NOT EXISTS jeton_attempts (
    key bytea PRIMARY KEY,
    version bigint NOT NULL,
    record bytea NOT NULL
);

CREATE TABLE IF NOT EXISTS jeton_changes (
    sequence bigint PRIMARY KEY,
    change bytea NOT NULL
);

-- Whoever adds an event holds this row until its commit: numbers are in the order of the commits.
CREATE TABLE IF NOT EXISTS jeton_feed (
    single boolean PRIMARY KEY,
    head bigint NOT NULL,
    trimmed bigint NOT NULL,
    -- How often the list of keys has changed: here, where every instance looks all the time.
    keys_version bigint NOT NULL
);

CREATE TABLE IF NOT EXISTS jeton_keys (
    key_id bytea PRIMARY KEY
);

-- One row for each process that has the store open: the barrier's writes. Row 0 holds the grants of
-- those that are gone.
CREATE TABLE IF NOT EXISTS jeton_instances (
    number bigint PRIMARY KEY,
    barriers bigint NOT NULL,
    -- Grants made, less those freed.
    grants bigint NOT NULL,
    -- The key that it makes new tokens with.
    active_key bytea,
    seen_at timestamptz NOT NULL
);

-- Who does what only one instance is to do, and until when.
CREATE TABLE IF NOT EXISTS jeton_leases (
    name text PRIMARY KEY,
    holder bigint NOT NULL,
    until_at timestamptz NOT NULL
);
