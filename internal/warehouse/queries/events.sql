-- What the sessions of a study say of its courses: how many sessions of the planned
-- series each protocol's courses had, and the boosters between time zero and the
-- end of the observation. Time zero is the day of the last session of the series,
-- or the start of the course; a booster is never a session of the series. The
-- newest revision of a session counts.
--
-- The answer's size is bounded by protocols and lengths of a series.
WITH
    sessions AS
    (
        SELECT
            subject,
            course,
            number,
            argMax((day, booster, protocol, protocol_version, has(adverse_grades, 5)), (revision, sequence)) AS newest
        FROM session
        WHERE study = {study:String}
        GROUP BY subject, course, number
    ),
    courses AS
    (
        SELECT
            subject,
            countIf(NOT newest.2) AS in_series,
            maxIf(newest.1, NOT newest.2) AS last_of_series,
            if({from_last_session:Bool}, last_of_series, 0) AS zero,
            argMinIf(newest.3, number, NOT newest.2) AS of_protocol,
            argMinIf(newest.4, number, NOT newest.2) AS of_version,
            arrayCount(s -> s.2 AND s.1 > zero AND s.1 <= zero + {until:Int32}, groupArray(newest)) AS n_boosters,
            countIf(newest.5) > 0 AS died
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
