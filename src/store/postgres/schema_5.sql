-- The keys that sign access tokens: which instance publishes which, and which are needed. As JSON, which holds
-- nothing secret.

CREATE TABLE IF NOT EXISTS jeton_signing_keys (
    single boolean PRIMARY KEY,
    -- Instances whose number is below announce nothing.
    since bigint NOT NULL,
    register text NOT NULL
);
INSERT INTO jeton_signing_keys (single, since, register) SELECT true, openings, '' FROM jeton_store
    ON CONFLICT (single) DO NOTHING;
