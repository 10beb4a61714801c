-- What responders went through between two assessments that follow each other:
-- courses by group, the two visits and the baseline in whole points, and how many
-- of them were no longer in response at the second. The first pair begins at the
-- first assessment (t*), the last one ends with the first assessment no longer in
-- response. A loss is known to lie between the two visits and nothing more is
-- claimed; a visit that was not answered makes one wider pair.
--
-- The answer's size is bounded by groups, pairs of visits and points of the scale,
-- and does not grow with patients. Response is that of time_to_loss.sql: for scales
-- on which lower is better, with the same small margin.
WITH
    -- One row a subject: of each occasion the newest journal row, where it has a
    -- score. Element 5 says where it belongs: 0 baseline, 1 the first assessment, 2
    -- another.
    assessed AS
    (
        SELECT
            subject,
            arrayReverseSort(groupArray((sequence, occasion, day, ifNull(score, nan), multiIf(visit = {baseline_visit:String}, 0, visit = {first_visit:String}, 1, 2), visit))) AS newest_first,
            newest_first.2 AS occasions,
            arrayFilter((a, i) -> indexOf(occasions, a.2) = i AND not isNaN(a.4), newest_first, arrayEnumerate(newest_first)) AS answers,
            arrayMin(arrayFilter(a -> a.5 = 0, answers).4) AS baseline,
            arrayFilter(a -> a.5 = 1, answers) AS firsts,
            baseline * (1 - {fraction:Float64}) + 1e-9 AS threshold,
            arrayMin(firsts.3) AS first_day,
            -- (day, score, visit): t*, then what came later.
            arrayConcat(
                [(first_day, arrayMin(firsts.4), {first_visit:String})],
                arraySort(arrayMap(a -> (a.3, a.4, a.6), arrayFilter(a -> a.5 = 2 AND a.3 > first_day, answers)))) AS course,
            arrayFirstIndex(a -> a.2 > threshold, course) AS loss,
            if(loss = 0, length(course), loss) AS last
        FROM response
        WHERE study = {study:String} AND instrument = {instrument:String} AND sequence <= {sequence:UInt64}
        GROUP BY subject
        HAVING notEmpty(arrayFilter(a -> a.5 = 0, answers)) AND baseline > 0 AND notEmpty(firsts) AND loss != 1 AND length(course) > 1
    ),
    subjects AS
    (
        SELECT subject, argMax(factors[{group:String}], sequence) AS level
        FROM subject
        WHERE study = {study:String}
        GROUP BY subject
    ),
    pairs AS
    (
        SELECT
            level,
            toInt32(round(baseline)) AS points,
            arrayJoin(arrayMap(i -> (course[i - 1].3, course[i].3, i = loss), range(2, last + 1))) AS pair
        FROM subjects
        INNER JOIN assessed ON subjects.subject = assessed.subject
    )
SELECT level, pair.1 AS from_visit, pair.2 AS to_visit, points, count() AS n, countIf(pair.3) AS lost
FROM pairs
GROUP BY level, from_visit, to_visit, points
ORDER BY level, from_visit, to_visit, points
