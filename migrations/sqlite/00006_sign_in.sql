-- +goose Up

-- How often all sessions of an account were ended at once. A session carries the
-- number it began under, so an older one is refused whatever the clock says.
ALTER TABLE account ADD COLUMN sessions_ended INTEGER NOT NULL DEFAULT 0;

-- A one-time link with which the person of an account sets a password. An account
-- has one at most: a new one takes the place of the older.
CREATE TABLE password_link (
    token_hash BLOB PRIMARY KEY CHECK (length(token_hash) = 32),
    account    INTEGER NOT NULL UNIQUE REFERENCES account (id),
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL CHECK (expires_at > created_at)
) STRICT;

-- class says whose attempts a row counts, and so what may be forgotten when there
-- are too many rows: 0 a name that no account has, 1 an account from one place,
-- 2 an account from everywhere. name_hash is the hash of the name alone, so that
-- all rows of a name can be cleared.
ALTER TABLE failed_attempt ADD COLUMN class INTEGER NOT NULL DEFAULT 0 CHECK (class IN (0, 1, 2));
ALTER TABLE failed_attempt ADD COLUMN name_hash BLOB;
CREATE INDEX failed_attempt_by_name ON failed_attempt (name_hash);
CREATE INDEX failed_attempt_by_age ON failed_attempt (class, last_at);

-- +goose Down
DROP INDEX failed_attempt_by_age;
DROP INDEX failed_attempt_by_name;
ALTER TABLE failed_attempt DROP COLUMN name_hash;
ALTER TABLE failed_attempt DROP COLUMN class;
DROP TABLE password_link;
ALTER TABLE account DROP COLUMN sessions_ended;
