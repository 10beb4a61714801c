-- Time to loss of response, as counts: courses by group, status and days since
-- the date of the first assessment (t*). A responder is one whose score at t*
-- fell by at least the fraction from baseline. The event is the first later
-- assessment no longer in response; without one, the last assessment censors.
--
-- status: 0 no baseline above 0 (a share of 0 is not defined), 1 not assessed at t*, 2 not a responder, 3 still in
-- response at the last assessment, 4 response lost. For scales on which lower is
-- better; the small margin keeps a score that is equal to the threshold inside
-- although the product of two decimals is not exact.
WITH
    -- One row a subject: of each occasion the newest journal row, where it has a
    -- score. Element 5 says where it belongs: 0 baseline, 1 the first assessment, 2
    -- another.
    assessed AS
    (
        SELECT
            subject,
            arrayReverseSort(groupArray((sequence, occasion, day, ifNull(score, nan), multiIf(visit = {baseline_visit:String}, 0, visit = {first_visit:String}, 1, 2)))) AS newest_first,
            newest_first.2 AS occasions,
            arrayFilter((a, i) -> indexOf(occasions, a.2) = i AND not isNaN(a.4), newest_first, arrayEnumerate(newest_first)) AS answers,
            arrayFilter(a -> a.5 = 0, answers).4 AS baselines,
            arrayFilter(a -> a.5 = 1, answers) AS firsts
        FROM response
        WHERE study = {study:String} AND instrument = {instrument:String} AND sequence <= {sequence:UInt64}
        GROUP BY subject
    ),
    subjects AS
    (
        SELECT subject, argMax(factors[{group:String}], sequence) AS level
        FROM subject
        WHERE study = {study:String}
        GROUP BY subject
    ),
    courses AS
    (
        SELECT
            if({group:String} = '', '', level) AS group_level,
            arrayMin(baselines) * (1 - {fraction:Float64}) + 1e-9 AS threshold,
            arrayMin(firsts.4) AS first_score,
            arrayMin(firsts.3) AS first_day,
            arraySort(arrayMap(a -> (a.3, a.4), arrayFilter(a -> a.5 = 2 AND a.3 > first_day, answers))) AS later,
            arrayFirstOrNull(a -> a.2 > threshold, later) AS loss,
            multiIf(
                empty(baselines) OR arrayMin(baselines) <= 0, 0,
                empty(firsts), 1,
                first_score > threshold, 2,
                isNull(loss.1), 3,
                4) AS status,
            multiIf(
                status < 3, 0,
                status = 4, assumeNotNull(loss.1) - first_day,
                empty(later), 0,
                later[-1].1 - first_day) AS days
        FROM subjects
        LEFT JOIN assessed ON subjects.subject = assessed.subject
    )
SELECT group_level, toUInt8(status) AS status, toInt64(days) AS days, count() AS n
FROM courses
GROUP BY group_level, status, days
ORDER BY group_level, status, days
