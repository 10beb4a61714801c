-- +goose Up

-- One row a revision of a session. Days count from the start of the course, so no
-- date of treatment is here; adverse events are codes with a grade. The inventory
-- of the setting lists only the items that somebody looked at. The sort key keeps
-- a subject's sessions together; a row that is shipped twice collapses, and every
-- read takes the highest revision.
CREATE TABLE session
(
    study             LowCardinality(String),
    subject           FixedString(32),
    course            UInt64,
    number            UInt32,
    revision          UInt32,
    sequence          UInt64,
    protocol          LowCardinality(String),
    protocol_version  UInt32,
    day               Int32,
    route             LowCardinality(String),
    dose_mg           Nullable(Float64),
    dose_mg_per_kg    Nullable(Float64),
    depth             Nullable(UInt8),
    mode              LowCardinality(String),
    booster           Bool,
    preparation_done  Nullable(Bool),
    setting_index     Nullable(Float64),
    setting_items     Array(LowCardinality(String)),
    setting_values    Array(Bool),
    adverse_events    Array(LowCardinality(String)),
    adverse_grades    Array(UInt8),
    adverse_elicited  Array(Bool),
    content_hash      FixedString(64)
)
ENGINE = ReplacingMergeTree
ORDER BY (study, subject, course, number, revision, sequence)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 10000;

-- +goose Down
DROP TABLE session;
