-- +goose Up

-- An import: it is written down piece by piece, then decided, then carried out
-- piece by piece, so that no transaction is long. What it has added is shown and
-- shipped once it is completed. One that was not decided is discarded; one that was
-- is carried out to its end, by whoever comes next. frame is JSON: the study as it
-- will be, its protocols, and what the report counted.
CREATE TABLE study_import (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    study        TEXT NOT NULL,
    frame        TEXT NOT NULL CHECK (json_valid(frame)),
    reason       TEXT,
    actor_kind   TEXT NOT NULL,
    actor        TEXT NOT NULL,
    started_at   TEXT NOT NULL,
    decided_at   TEXT,
    completed_at TEXT,
    CHECK (completed_at IS NULL OR decided_at IS NOT NULL)
) STRICT;
CREATE UNIQUE INDEX study_import_one_at_a_time ON study_import (completed_at IS NULL) WHERE completed_at IS NULL;

-- What an import will do to one subject or a part of it; a piece is deleted in the
-- transaction that carries it out. A subject's code is in it as ciphertext.
CREATE TABLE import_piece (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    import INTEGER NOT NULL REFERENCES study_import (id),
    body   TEXT NOT NULL CHECK (json_valid(body))
) STRICT;
CREATE INDEX import_piece_by_import ON import_piece (import, id);

-- A study as it was defined from a moment on; the highest version counts, and a
-- study without one is not there yet.
CREATE TABLE study_version (
    study      TEXT NOT NULL REFERENCES study (id),
    version    INTEGER NOT NULL CHECK (version >= 1),
    definition TEXT NOT NULL CHECK (json_valid(definition)),
    author     TEXT NOT NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (study, version),
    UNIQUE (study, created_at)
) STRICT;
INSERT INTO study_version (study, version, definition, author, created_at) SELECT id, 1, definition, 'import study', created_at FROM study;

-- A course's factors as they were after a further import; course.factors are the
-- first ones. reason is NULL where a level became known that was not.
CREATE TABLE course_version (
    sequence    INTEGER PRIMARY KEY AUTOINCREMENT,
    course      INTEGER NOT NULL REFERENCES course (id),
    import      INTEGER NOT NULL REFERENCES study_import (id),
    factors     TEXT NOT NULL CHECK (json_valid(factors)),
    reason      TEXT,
    author      TEXT NOT NULL,
    recorded_at TEXT NOT NULL
) STRICT;
CREATE INDEX course_version_by_course ON course_version (course, sequence);

-- +goose StatementBegin
CREATE TRIGGER study_version_keeps_rows BEFORE UPDATE ON study_version
BEGIN SELECT RAISE(ABORT, 'a version of a study is never changed: add a version'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER study_version_loses_nothing BEFORE DELETE ON study_version
BEGIN SELECT RAISE(ABORT, 'a version of a study is never deleted'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER course_version_keeps_rows BEFORE UPDATE ON course_version
BEGIN SELECT RAISE(ABORT, 'a version of a course is never changed: add a version'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER course_version_loses_nothing BEFORE DELETE ON course_version
BEGIN SELECT RAISE(ABORT, 'a version of a course is never deleted'); END;
-- +goose StatementEnd

-- The outbox is made anew: every version of a study or a course is a row of its
-- own, and a row may belong to an import that is not completed yet.
CREATE TABLE outbox_of_versions (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    study          TEXT REFERENCES study (id),
    study_version  INTEGER,
    course         INTEGER REFERENCES course (id),
    course_version INTEGER REFERENCES course_version (sequence),
    session        INTEGER UNIQUE REFERENCES session (sequence),
    journal        INTEGER UNIQUE REFERENCES journal (sequence),
    shipment       INTEGER REFERENCES shipment (id),
    import         INTEGER REFERENCES study_import (id),
    CHECK ((study IS NOT NULL) + (course IS NOT NULL) + (session IS NOT NULL) + (journal IS NOT NULL) = 1),
    CHECK ((study IS NULL) = (study_version IS NULL)),
    CHECK (course_version IS NULL OR course IS NOT NULL),
    FOREIGN KEY (study, study_version) REFERENCES study_version (study, version)
) STRICT;
INSERT INTO outbox_of_versions (id, study, study_version, course, session, journal, shipment)
    SELECT id, study, CASE WHEN study IS NOT NULL THEN 1 END, course, session, journal, shipment FROM outbox;
DROP TABLE outbox;
ALTER TABLE outbox_of_versions RENAME TO outbox;
CREATE UNIQUE INDEX outbox_study ON outbox (study, study_version) WHERE study IS NOT NULL;
CREATE UNIQUE INDEX outbox_course ON outbox (course, coalesce(course_version, 0)) WHERE course IS NOT NULL;
CREATE INDEX outbox_waiting ON outbox (id) WHERE shipment IS NULL;
CREATE INDEX outbox_shipped ON outbox (shipment) WHERE shipment IS NOT NULL;
CREATE INDEX outbox_imported ON outbox (import) WHERE import IS NOT NULL;

-- +goose Down
CREATE TABLE outbox_without_versions (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    study    TEXT UNIQUE REFERENCES study (id),
    course   INTEGER UNIQUE REFERENCES course (id),
    session  INTEGER UNIQUE REFERENCES session (sequence),
    journal  INTEGER UNIQUE REFERENCES journal (sequence),
    shipment INTEGER REFERENCES shipment (id),
    CHECK ((study IS NOT NULL) + (course IS NOT NULL) + (session IS NOT NULL) + (journal IS NOT NULL) = 1)
) STRICT;
INSERT OR IGNORE INTO outbox_without_versions (id, study, course, session, journal, shipment)
    SELECT id, study, course, session, journal, shipment FROM outbox ORDER BY id;
DROP TABLE outbox;
ALTER TABLE outbox_without_versions RENAME TO outbox;
CREATE INDEX outbox_waiting ON outbox (id) WHERE shipment IS NULL;
CREATE INDEX outbox_shipped ON outbox (shipment) WHERE shipment IS NOT NULL;
DROP TRIGGER course_version_keeps_rows;
DROP TRIGGER course_version_loses_nothing;
DROP TABLE course_version;
DROP TRIGGER study_version_keeps_rows;
DROP TRIGGER study_version_loses_nothing;
DROP TABLE study_version;
DROP TABLE import_piece;
DROP TABLE study_import;
