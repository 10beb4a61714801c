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
    latest AS
    (
        SELECT subject, visit, argMax(tuple(score), (revision, sequence)).1 AS score, argMax(day, (revision, sequence)) AS day
        FROM response
        WHERE study = {study:String} AND instrument = {instrument:String} AND sequence <= {sequence:UInt64}
        GROUP BY subject, visit, occasion
        HAVING score IS NOT NULL
    ),
    assessed AS
    (
        SELECT
            subject,
            minIf(score, visit = {baseline_visit:String}) AS baseline,
            countIf(visit = {baseline_visit:String}) > 0 AS has_baseline,
            minIf(score, visit = {first_visit:String}) AS first_score,
            minIf(day, visit = {first_visit:String}) AS first_day,
            countIf(visit = {first_visit:String}) > 0 AS has_first,
            arraySort(groupArrayIf((day, assumeNotNull(score)), visit != {baseline_visit:String} AND visit != {first_visit:String})) AS others
        FROM latest
        GROUP BY subject
    ),
    subjects AS
    (
        SELECT subject, argMax(factors, sequence) AS levels
        FROM subject
        WHERE study = {study:String}
        GROUP BY subject
    ),
    courses AS
    (
        SELECT
            if({group:String} = '', '', levels[{group:String}]) AS group_level,
            baseline * (1 - {fraction:Float64}) + 1e-9 AS threshold,
            arrayFilter(a -> a.1 > first_day, others) AS later,
            arrayFirstOrNull(a -> a.2 > threshold, later) AS loss,
            multiIf(
                not has_baseline OR baseline <= 0, 0,
                not has_first, 1,
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
