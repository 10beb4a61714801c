-- +goose Up

-- A study's definition (care.Study as JSON), so that the warehouse alone can
-- give a formula's names their meaning. Newest sequence wins.
CREATE TABLE study
(
    study      LowCardinality(String),
    definition String,
    sequence   UInt64
)
ENGINE = ReplacingMergeTree(sequence)
ORDER BY study
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 10000;

-- One row a subject of a study: what is known before treatment. Factor levels
-- only, never free text. Newest sequence wins.
CREATE TABLE subject
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

-- One row a journal row. The sort key starts with what every question filters
-- by (study, instrument) and then keeps a subject's occasions together, so a
-- question reads one range and groups it in order. A journal row that is shipped
-- twice outside the deduplication window has the same key to the last column
-- and collapses; a correction is another row with a higher revision, and every
-- read takes the highest.
CREATE TABLE response
(
    study              LowCardinality(String),
    instrument         LowCardinality(String),
    subject            FixedString(32),
    occasion           UInt64,
    revision           UInt32,
    sequence           UInt64,
    key                String,
    receipt            String,
    visit              LowCardinality(String),
    day                Int32,
    instrument_version LowCardinality(String),
    definition_hash    FixedString(64),
    score              Nullable(Float64),
    prorated           Bool,
    items              Array(LowCardinality(String)),
    item_values        Array(Nullable(Int32)),
    source             LowCardinality(String),
    received_at        DateTime64(6, 'UTC'),
    content_hash       FixedString(64)
)
ENGINE = ReplacingMergeTree
ORDER BY (study, instrument, subject, occasion, revision, sequence)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 10000;

-- +goose Down
DROP TABLE response;
DROP TABLE subject;
DROP TABLE study;
