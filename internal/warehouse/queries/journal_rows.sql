-- Every journal row that is here, once, however often it was shipped. contents
-- counts different versions of one row: more than one means that something wrote
-- what the journal did not say.
SELECT
    sequence,
    any(key), any(receipt), any(instrument), any(revision), any(received_at), any(study), any(content_hash),
    any(subject), any(occasion), any(visit), any(day), any(instrument_version), any(definition_hash),
    any(tuple(score)).1, any(prorated), any(items), any(item_values), any(source),
    uniqExact(cityHash64(study, instrument, subject, occasion, revision, key, receipt, visit, day, instrument_version,
        definition_hash, ifNull(toString(score), 'none'), prorated, items, arrayMap(v -> ifNull(toString(v), 'none'), item_values), source, received_at, content_hash)) AS contents
FROM response
GROUP BY sequence
ORDER BY sequence
