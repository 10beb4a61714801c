-- +goose Up

-- A version of a protocol, as it was decided; a change is a further version.
CREATE TABLE protocol (
    id         TEXT NOT NULL,
    version    INTEGER NOT NULL CHECK (version >= 1),
    definition TEXT NOT NULL CHECK (json_valid(definition)),
    created_at TEXT NOT NULL,
    PRIMARY KEY (id, version)
) STRICT;

-- +goose StatementBegin
CREATE TRIGGER protocol_keeps_rows BEFORE UPDATE ON protocol
BEGIN SELECT RAISE(ABORT, 'a version of a protocol is never changed: add a version'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER protocol_loses_nothing BEFORE DELETE ON protocol
BEGIN SELECT RAISE(ABORT, 'a version of a protocol is never deleted'); END;
-- +goose StatementEnd

-- Sessions as they were given. Rows are never changed; a correction is a further
-- revision that names the one it replaces and a reason code. The newest revision
-- of a course's number counts.
CREATE TABLE session (
    sequence         INTEGER PRIMARY KEY AUTOINCREMENT,
    course           INTEGER NOT NULL REFERENCES course (id),
    number           INTEGER NOT NULL CHECK (number >= 1),
    revision         INTEGER NOT NULL CHECK (revision >= 1),
    supersedes       INTEGER UNIQUE REFERENCES session (sequence),
    reason           TEXT,
    author           TEXT NOT NULL,
    protocol         TEXT NOT NULL,
    protocol_version INTEGER NOT NULL,
    body             TEXT NOT NULL CHECK (json_valid(body)),
    recorded_at      TEXT NOT NULL,
    UNIQUE (course, number, revision),
    FOREIGN KEY (protocol, protocol_version) REFERENCES protocol (id, version),
    CHECK ((revision = 1) = (supersedes IS NULL)),
    CHECK ((supersedes IS NULL) = (reason IS NULL))
) STRICT;

-- +goose StatementBegin
CREATE TRIGGER session_keeps_rows BEFORE UPDATE ON session
BEGIN SELECT RAISE(ABORT, 'sessions are append-only: add a correction'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER session_loses_nothing BEFORE DELETE ON session
BEGIN SELECT RAISE(ABORT, 'sessions are append-only: rows are never deleted'); END;
-- +goose StatementEnd

-- An added column cannot carry a key of two columns, so triggers hold a course to
-- a version of a protocol that exists.
ALTER TABLE course ADD COLUMN protocol TEXT;
ALTER TABLE course ADD COLUMN protocol_version INTEGER;
-- +goose StatementBegin
CREATE TRIGGER course_names_a_protocol BEFORE INSERT ON course
WHEN (NEW.protocol IS NULL) <> (NEW.protocol_version IS NULL) OR NEW.protocol IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM protocol WHERE id = NEW.protocol AND version = NEW.protocol_version)
BEGIN SELECT RAISE(ABORT, 'a course follows a version of a protocol that is stored'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER course_keeps_a_protocol BEFORE UPDATE OF protocol, protocol_version ON course
WHEN (NEW.protocol IS NULL) <> (NEW.protocol_version IS NULL) OR NEW.protocol IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM protocol WHERE id = NEW.protocol AND version = NEW.protocol_version)
BEGIN SELECT RAISE(ABORT, 'a course follows a version of a protocol that is stored'); END;
-- +goose StatementEnd

-- The number of the session that the occasion's days count from, and the instant
-- that it aims at.
ALTER TABLE occasion ADD COLUMN session INTEGER CHECK (session IS NULL OR session >= 1 AND anchor = 'session');
ALTER TABLE occasion ADD COLUMN target_at TEXT;
CREATE INDEX occasion_waiting ON occasion (course, closes_at) WHERE state = 'open';

-- A CHECK cannot be altered, so the outbox is made anew with sessions in it.
CREATE TABLE outbox_with_sessions (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    study    TEXT UNIQUE REFERENCES study (id),
    course   INTEGER UNIQUE REFERENCES course (id),
    journal  INTEGER UNIQUE REFERENCES journal (sequence),
    session  INTEGER UNIQUE REFERENCES session (sequence),
    shipment INTEGER REFERENCES shipment (id),
    CHECK ((study IS NOT NULL) + (course IS NOT NULL) + (journal IS NOT NULL) + (session IS NOT NULL) = 1)
) STRICT;
INSERT INTO outbox_with_sessions (id, study, course, journal, shipment)
SELECT id, study, course, journal, shipment FROM outbox ORDER BY id;
DROP TABLE outbox;
ALTER TABLE outbox_with_sessions RENAME TO outbox;
CREATE INDEX outbox_waiting ON outbox (id) WHERE shipment IS NULL;
CREATE INDEX outbox_shipped ON outbox (shipment) WHERE shipment IS NOT NULL;

-- +goose Down
CREATE TABLE outbox_without_sessions (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    study    TEXT UNIQUE REFERENCES study (id),
    course   INTEGER UNIQUE REFERENCES course (id),
    journal  INTEGER UNIQUE REFERENCES journal (sequence),
    shipment INTEGER REFERENCES shipment (id),
    CHECK ((study IS NOT NULL) + (course IS NOT NULL) + (journal IS NOT NULL) = 1)
) STRICT;
INSERT INTO outbox_without_sessions (id, study, course, journal, shipment)
SELECT id, study, course, journal, shipment FROM outbox WHERE session IS NULL ORDER BY id;
DROP TABLE outbox;
ALTER TABLE outbox_without_sessions RENAME TO outbox;
CREATE INDEX outbox_waiting ON outbox (id) WHERE shipment IS NULL;
CREATE INDEX outbox_shipped ON outbox (shipment) WHERE shipment IS NOT NULL;

DROP INDEX occasion_waiting;
ALTER TABLE occasion DROP COLUMN target_at;
ALTER TABLE occasion DROP COLUMN session;
DROP TRIGGER course_keeps_a_protocol;
DROP TRIGGER course_names_a_protocol;
ALTER TABLE course DROP COLUMN protocol_version;
ALTER TABLE course DROP COLUMN protocol;
DROP TRIGGER session_keeps_rows;
DROP TRIGGER session_loses_nothing;
DROP TABLE session;
DROP TRIGGER protocol_keeps_rows;
DROP TRIGGER protocol_loses_nothing;
DROP TABLE protocol;
