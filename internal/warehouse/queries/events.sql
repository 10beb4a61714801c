-- What the sessions of a study say of its courses: how many sessions of the planned
-- series each protocol's courses had, and the boosters between time zero and the
-- end of the observation. Time zero is the day of the last session of the series,
-- or the start of the course; a booster is never a session of the series. The
-- newest revision of a session counts: the one with the highest sequence.
--
-- A session's day and marks are one number (4 * day + 2 * booster + 1 * an adverse
-- event of grade 5), because argMax of a tuple costs several times as much.
--
-- The answer's size is bounded by protocols and lengths of a series.
WITH
    sessions AS
    (
        SELECT
            subject,
            course,
            number,
            argMax(4 * toInt64(day) + 2 * booster + has(adverse_grades, 5), sequence) AS newest,
            argMax(protocol, sequence) AS newest_protocol,
            argMax(protocol_version, sequence) AS newest_version
        FROM session
        WHERE study = {study:String}
        GROUP BY subject, course, number
    ),
    courses AS
    (
        SELECT
            subject,
            countIf(NOT bitTest(newest, 1)) AS in_series,
            maxIf(bitShiftRight(newest, 2), NOT bitTest(newest, 1)) AS last_of_series,
            if({from_last_session:Bool}, last_of_series, 0) AS zero,
            argMinIf(newest_protocol, number, NOT bitTest(newest, 1)) AS of_protocol,
            argMinIf(newest_version, number, NOT bitTest(newest, 1)) AS of_version,
            arrayCount(d -> d > zero AND d <= zero + {until:Int32}, groupArrayIf(bitShiftRight(newest, 2), bitTest(newest, 1))) AS n_boosters,
            countIf(bitTest(newest, 0)) > 0 AS died
        FROM sessions
        GROUP BY subject
    )
SELECT
    of_protocol,
    of_version,
    toUInt64(in_series),
    count() AS n,
    toUInt64(sum(n_boosters)),
    countIf(n_boosters > 0),
    countIf(died)
FROM courses
GROUP BY of_protocol, of_version, in_series
ORDER BY of_protocol, of_version, in_series
