-- +goose Up

-- A keyed hash of each row of the journal and of the sessions, kept apart from
-- them: SQLite has no checksums of its own, so a byte that a disk turned around
-- would become the truth. A row without its seal counts as damaged; rows of
-- before are sealed once, by the first start of the program that knows seals.
CREATE TABLE seal (
    kind     TEXT NOT NULL CHECK (kind IN ('journal', 'session')),
    sequence INTEGER NOT NULL,
    mac      BLOB NOT NULL CHECK (length(mac) = 32),
    PRIMARY KEY (kind, sequence)
) STRICT, WITHOUT ROWID;

-- +goose StatementBegin
CREATE TRIGGER seal_keeps_rows BEFORE UPDATE ON seal
BEGIN SELECT RAISE(ABORT, 'seals are append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER seal_loses_nothing BEFORE DELETE ON seal
BEGIN SELECT RAISE(ABORT, 'seals are append-only'); END;
-- +goose StatementEnd

-- Rows that were found not to be as they were written. They are not shipped, and
-- what the warehouse has of them stays there.
CREATE TABLE damage (
    kind     TEXT NOT NULL CHECK (kind IN ('journal', 'session')),
    sequence INTEGER NOT NULL,
    found_at TEXT NOT NULL,
    PRIMARY KEY (kind, sequence)
) STRICT, WITHOUT ROWID;

-- How many rows of a study the warehouse must have is asked with every finding.
CREATE INDEX journal_by_study ON journal (study, sequence);

-- +goose Down
DROP INDEX journal_by_study;
DROP TABLE damage;
DROP TRIGGER seal_keeps_rows;
DROP TRIGGER seal_loses_nothing;
DROP TABLE seal;
