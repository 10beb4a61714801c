-- Time to loss of response, as counts of courses. A responder is one whose score
-- at the first assessment (t*) is better than the baseline by at least the fraction
-- of it, or by the points. The event is the first later assessment no longer in
-- response; without one, the last assessment censors.
--
-- status: 0 no baseline (or none above 0, where a share of it is asked for), 1 not
-- assessed at t*, 2 not a responder, 3 still in response at the last assessment, 4
-- response lost. sign is 1 where lower is better and -1 where higher is better, so
-- that sign * score is always better when it is lower; the small margin keeps a
-- score that is equal to the threshold inside although the product of two decimals
-- is not exact.
--
-- days count from the date of t* to the assessment that found the loss, or to the
-- last one. from_time and to_time are the same on the calendar of planned visits:
-- the loss lies after the last assessment in response and not after the first one
-- no longer so; to_time is -1 where none was found. An answer outside the planned
-- visits stands at its own day. points is the baseline in whole points.
--
-- With until_booster, nothing counts that was answered after the day of a course's
-- first booster.
--
-- The answer's size is bounded by groups, days, pairs of visits and points of the
-- scale, and does not grow with patients.
WITH
    -- One row a subject: of each occasion the newest journal row, where it has a
    -- score. Element 5 says where it belongs: 0 baseline, 1 the first assessment, 2
    -- another.
    assessed AS
    (
        SELECT
            subject,
            arrayReverseSort(groupArray((sequence, occasion, day, ifNull(score, nan), multiIf(visit = {baseline_visit:String}, 0, visit = {first_visit:String}, 1, 2), toString(visit)))) AS newest_first,
            newest_first.2 AS occasions,
            arrayFilter((a, i) -> indexOf(occasions, a.2) = i AND not isNaN(a.4), newest_first, arrayEnumerate(newest_first)) AS answers
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
    -- Days of sessions count from the start of the course.
    sessions AS
    (
        SELECT subject, course, number, argMax(session.day, (revision, sequence)) AS given, argMax(session.booster, (revision, sequence)) AS extra
        FROM session
        WHERE study = {study:String} AND {until_booster:UInt8} = 1
        GROUP BY subject, course, number
    ),
    boosters AS
    (
        SELECT subject, toInt64(minIf(given, extra)) - if({from_last_session:UInt8} = 1, toInt64(maxIf(given, not extra)), 0) AS booster_day, 1 AS boosted
        FROM sessions
        GROUP BY subject
        HAVING countIf(extra) > 0
    ),
    courses AS
    (
        SELECT
            if({group:String} = '', '', level) AS group_level,
            arrayFilter(a -> a.5 = 0, answers).4 AS baselines,
            arrayMin(baselines) AS baseline,
            {sign:Float64} * baseline - {fraction:Float64} * baseline - {points:Float64} + 1e-9 AS threshold,
            arrayFilter(a -> a.5 > 0 AND (boosted = 0 OR a.3 <= booster_day), answers) AS counted,
            arrayFilter(a -> a.5 = 1, counted) AS firsts,
            if({sign:Float64} > 0, arrayMin(firsts.4), arrayMax(firsts.4)) AS first_score,
            arrayMin(firsts.3) AS first_day,
            -- (day, score so that lower is better, planned time)
            arraySort(arrayMap(
                a -> (toInt64(a.3 - first_day), {sign:Float64} * a.4,
                    if(arrayElement({days:Array(Int64)}, indexOf({visits:Array(String)}, a.6)) > 0,
                        arrayElement({days:Array(Int64)}, indexOf({visits:Array(String)}, a.6)), toInt64(a.3 - first_day))),
                arrayFilter(a -> a.5 = 2 AND a.3 > first_day, counted))) AS later,
            arrayFirstIndex(a -> a.2 > threshold, later) AS loss,
            multiIf(
                empty(baselines) OR {fraction:Float64} > 0 AND baseline <= 0, 0,
                empty(firsts), 1,
                {sign:Float64} * first_score > threshold, 2,
                loss = 0, 3,
                4) AS status,
            multiIf(
                status < 3, 0,
                status = 4, later[loss].1,
                empty(later), 0,
                later[-1].1) AS days,
            if(status = 4, later[loss].3, -1) AS to_time,
            if(status < 3, 0, arrayMax(arrayConcat([toInt64(0)],
                arrayFilter(t -> status = 3 OR t < to_time, if(status = 4, arraySlice(later, 1, loss - 1), later).3)))) AS from_time,
            if(status < 3, 0, toInt64(round(baseline))) AS points,
            if(status < 2, 0, first_score - baseline) AS change
        FROM subjects
        LEFT JOIN assessed ON subjects.subject = assessed.subject
        LEFT JOIN boosters ON subjects.subject = boosters.subject
    )
SELECT
    group_level, toUInt8(status) AS status, toInt64(days) AS days, toInt64(from_time) AS from_time, toInt64(to_time) AS to_time, toInt64(points) AS points,
    count() AS n, sum(change) AS total_change, countIf({sign:Float64} * change > 0) AS worse
FROM courses
GROUP BY group_level, status, days, from_time, to_time, points
ORDER BY group_level, status, days, from_time, to_time, points
