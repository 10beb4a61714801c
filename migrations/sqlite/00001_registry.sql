-- +goose Up

-- Times are UTC text of fixed width (2006-01-02T15:04:05.000000Z), so that they
-- sort as text; hashes are raw SHA-256; JSON is text that json_valid accepts.

-- Keys that encrypt fields, index them and sign the audit chain, each wrapped by
-- the master key, which is never in this file.
CREATE TABLE data_key (
    version    INTEGER PRIMARY KEY,
    purpose    TEXT NOT NULL CHECK (purpose IN ('field', 'index', 'audit')),
    wrapped    BLOB NOT NULL,
    created_at TEXT NOT NULL
) STRICT;

-- The identity columns hold ciphertext; contact_index is a keyed hash for exact
-- search. A patient of an imported study has no identity here.
CREATE TABLE patient (
    pseudonym     TEXT PRIMARY KEY CHECK (length(pseudonym) = 32),
    name          BLOB,
    contact       BLOB,
    birth_date    BLOB,
    key_version   INTEGER REFERENCES data_key (version),
    contact_index BLOB,
    simulated     INTEGER NOT NULL CHECK (simulated IN (0, 1)),
    created_at    TEXT NOT NULL,
    CHECK (name IS NULL OR key_version IS NOT NULL)
) STRICT;
CREATE INDEX patient_by_contact ON patient (contact_index) WHERE contact_index IS NOT NULL;

CREATE TABLE study (
    id         TEXT PRIMARY KEY,
    definition TEXT NOT NULL CHECK (json_valid(definition)),
    created_at TEXT NOT NULL
) STRICT;

-- A patient's course of treatment, in a study or (study NULL) in the clinic's
-- own care. subject is the pseudonym that leaves the registry: random, and
-- another one in each study.
CREATE TABLE course (
    id                 INTEGER PRIMARY KEY,
    patient            TEXT NOT NULL REFERENCES patient (pseudonym),
    study              TEXT REFERENCES study (id),
    subject            TEXT NOT NULL CHECK (length(subject) = 32),
    factors            TEXT NOT NULL CHECK (json_valid(factors)),
    subject_code       BLOB,
    subject_code_index BLOB,
    key_version        INTEGER REFERENCES data_key (version),
    started_on         TEXT,
    created_at         TEXT NOT NULL,
    UNIQUE (study, subject_code_index)
) STRICT;
CREATE INDEX course_by_patient ON course (patient);

CREATE TABLE occasion (
    id                 INTEGER PRIMARY KEY,
    course             INTEGER NOT NULL REFERENCES course (id),
    instrument         TEXT NOT NULL,
    instrument_version TEXT NOT NULL,
    visit              TEXT NOT NULL CHECK (visit <> ''),
    anchor             TEXT NOT NULL CHECK (anchor IN ('course-start', 'session', 'last-session')),
    target_day         INTEGER NOT NULL,
    opens_at           TEXT,
    closes_at          TEXT,
    state              TEXT NOT NULL CHECK (state IN ('open', 'answered', 'closed')),
    token_hash         BLOB UNIQUE CHECK (token_hash IS NULL OR length(token_hash) = 32),
    created_at         TEXT NOT NULL,
    UNIQUE (course, instrument, visit),
    CHECK (opens_at IS NULL OR closes_at IS NULL OR opens_at < closes_at)
) STRICT;

-- Answers saved page by page; browser_hash is the hash of a secret that only the
-- browser that wrote them holds. raised says that the sweep has looked at them.
CREATE TABLE draft (
    occasion     INTEGER NOT NULL REFERENCES occasion (id),
    browser_hash BLOB NOT NULL CHECK (length(browser_hash) = 32),
    page         INTEGER NOT NULL CHECK (page >= 0),
    answers      TEXT NOT NULL CHECK (json_valid(answers)),
    saved_at     TEXT NOT NULL,
    raised       INTEGER NOT NULL CHECK (raised IN (0, 1)),
    PRIMARY KEY (occasion, browser_hash)
) STRICT;
CREATE INDEX draft_to_sweep ON draft (saved_at) WHERE raised = 0;

CREATE TABLE notice_acceptance (
    patient     TEXT NOT NULL REFERENCES patient (pseudonym),
    version     TEXT NOT NULL,
    occasion    INTEGER NOT NULL REFERENCES occasion (id),
    accepted_at TEXT NOT NULL,
    PRIMARY KEY (patient, version)
) STRICT;

-- The journal of submissions: what a receipt promises. Rows are never changed; a
-- correction is a further row that names the one it replaces, its author and a
-- reason code.
CREATE TABLE journal (
    sequence           INTEGER PRIMARY KEY AUTOINCREMENT,
    key                TEXT NOT NULL UNIQUE CHECK (length(key) BETWEEN 1 AND 200),
    body_hash          BLOB NOT NULL CHECK (length(body_hash) = 32),
    receipt            TEXT NOT NULL UNIQUE CHECK (length(receipt) >= 22),
    occasion           INTEGER NOT NULL REFERENCES occasion (id),
    patient            TEXT NOT NULL REFERENCES patient (pseudonym),
    subject            TEXT NOT NULL,
    course             INTEGER NOT NULL REFERENCES course (id),
    study              TEXT REFERENCES study (id),
    visit              TEXT NOT NULL,
    target_day         INTEGER NOT NULL,
    instrument         TEXT NOT NULL,
    instrument_version TEXT NOT NULL,
    definition_hash    TEXT NOT NULL,
    revision           INTEGER NOT NULL CHECK (revision >= 1),
    supersedes         INTEGER UNIQUE REFERENCES journal (sequence),
    reason             TEXT,
    author             TEXT,
    answers            TEXT NOT NULL CHECK (json_valid(answers)),
    score              TEXT NOT NULL CHECK (json_valid(score)),
    flags              TEXT NOT NULL CHECK (json_valid(flags)),
    source             TEXT NOT NULL CHECK (source IN ('form', 'import', 'simulation')),
    language           TEXT NOT NULL,
    received_at        TEXT NOT NULL,
    claimed_at         TEXT,
    CHECK ((revision = 1) = (supersedes IS NULL)),
    CHECK ((supersedes IS NULL) = (reason IS NULL)),
    CHECK ((supersedes IS NULL) = (author IS NULL))
) STRICT;
-- An occasion is answered once; only corrections follow.
CREATE UNIQUE INDEX journal_first_answer ON journal (occasion) WHERE supersedes IS NULL;
CREATE INDEX journal_by_patient ON journal (patient, sequence);
CREATE INDEX journal_by_occasion ON journal (occasion, revision);

-- +goose StatementBegin
CREATE TRIGGER journal_keeps_rows BEFORE UPDATE ON journal
BEGIN SELECT RAISE(ABORT, 'the journal is append-only: add a correction'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER journal_loses_nothing BEFORE DELETE ON journal
BEGIN SELECT RAISE(ABORT, 'the journal is append-only: rows are never deleted'); END;
-- +goose StatementEnd

-- A batch on its way to the warehouse: its rows are those of the outbox that
-- name it, so a retry sends the same rows under the same token.
CREATE TABLE shipment (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    token        TEXT NOT NULL UNIQUE,
    row_count    INTEGER NOT NULL CHECK (row_count > 0),
    created_at   TEXT NOT NULL,
    confirmed_at TEXT
) STRICT;
CREATE INDEX shipment_under_way ON shipment (id) WHERE confirmed_at IS NULL;

-- What the warehouse has not confirmed yet; a row leaves on confirmation.
CREATE TABLE outbox (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    study    TEXT UNIQUE REFERENCES study (id),
    course   INTEGER UNIQUE REFERENCES course (id),
    journal  INTEGER UNIQUE REFERENCES journal (sequence),
    shipment INTEGER REFERENCES shipment (id),
    CHECK ((study IS NOT NULL) + (course IS NOT NULL) + (journal IS NOT NULL) = 1)
) STRICT;
CREATE INDEX outbox_waiting ON outbox (id) WHERE shipment IS NULL;
CREATE INDEX outbox_shipped ON outbox (shipment) WHERE shipment IS NOT NULL;

-- A safety rule that was met, or could not be judged. journal is NULL when it
-- came from an unfinished form. What happens to it are its steps.
CREATE TABLE alert (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    rule      TEXT NOT NULL,
    level     TEXT NOT NULL CHECK (level IN ('unknown', 'amber', 'red', 'critical')),
    item      TEXT NOT NULL,
    patient   TEXT NOT NULL REFERENCES patient (pseudonym),
    occasion  INTEGER NOT NULL REFERENCES occasion (id),
    journal   INTEGER REFERENCES journal (sequence),
    raised_at TEXT NOT NULL,
    UNIQUE (journal, rule)
) STRICT;
CREATE INDEX alert_by_occasion ON alert (occasion);
CREATE INDEX alert_by_patient ON alert (patient);

CREATE TABLE alert_step (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    alert      INTEGER NOT NULL REFERENCES alert (id),
    at         TEXT NOT NULL,
    what       TEXT NOT NULL CHECK (what IN ('raised', 'submitted', 'notified', 'acknowledged', 'escalated', 'closed')),
    actor_kind TEXT NOT NULL,
    actor      TEXT NOT NULL,
    code       TEXT NOT NULL,
    journal    INTEGER REFERENCES journal (sequence)
) STRICT;
CREATE INDEX alert_step_by_alert ON alert_step (alert, id);

-- +goose StatementBegin
CREATE TRIGGER alert_keeps_rows BEFORE UPDATE ON alert
BEGIN SELECT RAISE(ABORT, 'an alert is never changed: add a step'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER alert_loses_nothing BEFORE DELETE ON alert
BEGIN SELECT RAISE(ABORT, 'an alert is never deleted'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER alert_step_keeps_rows BEFORE UPDATE ON alert_step
BEGIN SELECT RAISE(ABORT, 'the steps of an alert are append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER alert_step_loses_nothing BEFORE DELETE ON alert_step
BEGIN SELECT RAISE(ABORT, 'the steps of an alert are append-only'); END;
-- +goose StatementEnd

-- Submissions that were refused, counted by day and reason.
CREATE TABLE refusal (
    day    TEXT NOT NULL,
    reason TEXT NOT NULL,
    count  INTEGER NOT NULL CHECK (count > 0),
    PRIMARY KEY (day, reason)
) STRICT;

CREATE TABLE account (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    name          TEXT NOT NULL UNIQUE CHECK (name = lower(name) AND length(name) BETWEEN 1 AND 64),
    role          TEXT NOT NULL CHECK (role <> ''),
    password_hash TEXT NOT NULL,
    created_at    TEXT NOT NULL,
    disabled_at   TEXT
) STRICT;

-- token_hash is the SHA-256 of what the cookie holds.
CREATE TABLE web_session (
    token_hash BLOB PRIMARY KEY CHECK (length(token_hash) = 32),
    data       BLOB NOT NULL,
    expires_at TEXT NOT NULL
) STRICT;
CREATE INDEX web_session_expiry ON web_session (expires_at);

-- Failed attempts by a keyed hash of what is throttled: an account's name, an
-- address.
CREATE TABLE failed_attempt (
    subject_hash BLOB PRIMARY KEY CHECK (length(subject_hash) = 32),
    count        INTEGER NOT NULL CHECK (count > 0),
    first_at     TEXT NOT NULL,
    last_at      TEXT NOT NULL
) STRICT;

CREATE TABLE setup_token (
    token_hash BLOB PRIMARY KEY CHECK (length(token_hash) = 32),
    expires_at TEXT NOT NULL,
    used_at    TEXT
) STRICT;

-- Who is on call; days is a bit mask, Monday = 1 to Sunday = 64; minutes count
-- from local midnight of the site. A line counts once somebody confirmed it.
CREATE TABLE roster (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    person       TEXT NOT NULL CHECK (person <> ''),
    duty         TEXT NOT NULL CHECK (duty IN ('primary', 'backup', 'lead')),
    days         INTEGER NOT NULL CHECK (days BETWEEN 1 AND 127),
    from_minute  INTEGER NOT NULL CHECK (from_minute BETWEEN 0 AND 1439),
    to_minute    INTEGER NOT NULL CHECK (to_minute BETWEEN 1 AND 1440 AND to_minute > from_minute),
    confirmed_by TEXT,
    confirmed_at TEXT,
    removed_at   TEXT,
    CHECK ((confirmed_by IS NULL) = (confirmed_at IS NULL))
) STRICT;

CREATE TABLE instrument_activation (
    instrument         TEXT NOT NULL,
    instrument_version TEXT NOT NULL,
    has_safety_rules   INTEGER NOT NULL CHECK (has_safety_rules IN (0, 1)),
    activated_by       TEXT NOT NULL,
    activated_at       TEXT NOT NULL,
    PRIMARY KEY (instrument, instrument_version)
) STRICT;

CREATE TABLE setting (
    name       TEXT PRIMARY KEY,
    value      TEXT NOT NULL,
    changed_at TEXT NOT NULL
) STRICT;

-- Who did what, when, to what: pseudonyms and hashes only. hash is keyed and
-- covers the row and the hash before it, so a change anywhere shows.
CREATE TABLE audit (
    sequence     INTEGER PRIMARY KEY,
    at           TEXT NOT NULL,
    actor_kind   TEXT NOT NULL CHECK (actor_kind IN ('account', 'patient', 'system', 'command')),
    actor        TEXT NOT NULL,
    action       TEXT NOT NULL CHECK (action <> ''),
    subject_kind TEXT NOT NULL,
    subject      TEXT NOT NULL,
    detail       TEXT NOT NULL CHECK (json_valid(detail)),
    previous     BLOB NOT NULL CHECK (length(previous) = 32),
    hash         BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;
CREATE INDEX audit_by_subject ON audit (subject_kind, subject);

-- +goose StatementBegin
CREATE TRIGGER audit_keeps_rows BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_loses_nothing BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
-- +goose StatementEnd

-- +goose Down
DROP TABLE audit;
DROP TABLE setting;
DROP TABLE instrument_activation;
DROP TABLE roster;
DROP TABLE setup_token;
DROP TABLE failed_attempt;
DROP TABLE web_session;
DROP TABLE account;
DROP TABLE refusal;
DROP TRIGGER alert_step_keeps_rows;
DROP TRIGGER alert_step_loses_nothing;
DROP TRIGGER alert_keeps_rows;
DROP TRIGGER alert_loses_nothing;
DROP TABLE alert_step;
DROP TABLE alert;
DROP TABLE outbox;
DROP TABLE shipment;
DROP TRIGGER journal_keeps_rows;
DROP TRIGGER journal_loses_nothing;
DROP TABLE journal;
DROP TABLE notice_acceptance;
DROP TABLE draft;
DROP TABLE occasion;
DROP TABLE course;
DROP TABLE study;
DROP TABLE patient;
DROP TABLE data_key;
