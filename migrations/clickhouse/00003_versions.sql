-- +goose Up

-- Every version of a study and of a subject stays: a merge of a table that keeps
-- only the newest would take away what a finding read. The sequence joins the sort
-- key, so that only a row that is sent twice collapses. The steps may be repeated
-- from the first after a crash at any of them.
DROP TABLE IF EXISTS study_versions;
CREATE TABLE study_versions
(
    study      LowCardinality(String),
    definition String,
    sequence   UInt64
)
ENGINE = ReplacingMergeTree
ORDER BY (study, sequence)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 10000;

INSERT INTO study_versions (study, definition, sequence) SELECT study, definition, sequence FROM study;
EXCHANGE TABLES study AND study_versions;
DROP TABLE study_versions;

DROP TABLE IF EXISTS subject_versions;
CREATE TABLE subject_versions
(
    study     LowCardinality(String),
    subject   FixedString(32),
    factors   Map(LowCardinality(String), LowCardinality(String)),
    simulated Bool,
    sequence  UInt64
)
ENGINE = ReplacingMergeTree
ORDER BY (study, subject, sequence)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 10000;

INSERT INTO subject_versions (study, subject, factors, simulated, sequence) SELECT study, subject, factors, simulated, sequence FROM subject;
EXCHANGE TABLES subject AND subject_versions;
DROP TABLE subject_versions;

-- +goose Down
DROP TABLE IF EXISTS study_newest;
CREATE TABLE study_newest
(
    study      LowCardinality(String),
    definition String,
    sequence   UInt64
)
ENGINE = ReplacingMergeTree(sequence)
ORDER BY study
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 10000;

INSERT INTO study_newest (study, definition, sequence) SELECT study, definition, sequence FROM study;
EXCHANGE TABLES study AND study_newest;
DROP TABLE study_newest;

DROP TABLE IF EXISTS subject_newest;
CREATE TABLE subject_newest
(
    study     LowCardinality(String),
    subject   FixedString(32),
    factors   Map(LowCardinality(String), LowCardinality(String)),
    simulated Bool,
    sequence  UInt64
)
ENGINE = ReplacingMergeTree(sequence)
ORDER BY (study, subject)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 10000;

INSERT INTO subject_newest (study, subject, factors, simulated, sequence) SELECT study, subject, factors, simulated, sequence FROM subject;
EXCHANGE TABLES subject AND subject_newest;
DROP TABLE subject_newest;
