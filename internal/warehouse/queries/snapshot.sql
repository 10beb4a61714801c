-- What an answer rests on: the newest journal row that is here, and a checksum
-- that does not depend on order. DISTINCT makes a row that was shipped twice
-- count once. The subjects' factors are part of it, since they decide groups, and
-- so are the sessions, whose own sequence is not the journal's.
SELECT
    max(sequence) AS sequence,
    toUInt64(count()) AS n,
    lower(hex(sum(row_hash))) AS checksum
FROM
(
    SELECT DISTINCT sequence, sipHash64(key, revision, content_hash) AS row_hash
    FROM response
    WHERE study = {study:String}
    UNION ALL
    SELECT toUInt64(0) AS sequence, row_hash
    FROM
    (
        SELECT DISTINCT sipHash64('session', sequence, revision, content_hash) AS row_hash
        FROM session
        WHERE study = {study:String}
    )
    UNION ALL
    -- The subject's own sequence orders its versions; it is not a journal row's.
    SELECT toUInt64(0) AS sequence, sipHash64(subject, argMax(arraySort(arrayZip(mapKeys(factors), mapValues(factors))), subject.sequence)) AS row_hash
    FROM subject
    WHERE study = {study:String}
    GROUP BY subject
)
