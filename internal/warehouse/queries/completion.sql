-- Who answered at which visit: subjects of each group, and how many of them
-- have a score there (newest revision). 'baseline' is a visit like the others.
WITH
    arrayConcat([{baseline_visit:String}], {visits:Array(String)}) AS visits,
    answered AS
    (
        SELECT subject, visit, argMax(tuple(score), (revision, sequence)).1 AS score
        FROM response
        WHERE study = {study:String} AND instrument = {instrument:String} AND sequence <= {sequence:UInt64}
        GROUP BY subject, visit
        HAVING score IS NOT NULL
    ),
    subjects AS
    (
        SELECT subject, argMax(factors, sequence) AS levels, argMax(simulated, sequence) AS simulated
        FROM subject
        WHERE study = {study:String}
        GROUP BY subject
    ),
    planned AS
    (
        SELECT subject, levels[{group:String}] AS group_level, simulated, arrayJoin(visits) AS visit
        FROM subjects
    )
SELECT
    planned.group_level AS group_level,
    planned.visit AS visit,
    count() AS n_expected,
    countIf(answered.subject != toFixedString('', 32)) AS n_answered,
    toUInt8(max(planned.simulated)) AS simulated
FROM planned
LEFT JOIN answered ON planned.subject = answered.subject AND planned.visit = answered.visit
GROUP BY group_level, visit
ORDER BY group_level, indexOf(visits, visit)
