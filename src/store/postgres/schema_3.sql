-- Identities of trusted issuers that users log in by, each as a hash.

ALTER TABLE jeton_users ADD COLUMN IF NOT EXISTS identities bytea[] NOT NULL DEFAULT '{}';

CREATE INDEX IF NOT EXISTS jeton_users_identities ON jeton_users USING gin (identities);
