-- Sufficient statistics of the MMRM: cross-products of (x, y) per missingness
-- pattern, in one GROUP BY. x is built from atoms: an atom is the baseline
-- ('' in atom_factors) or the indicator of a factor's level; a column of x is
-- the product of the atoms that `columns` lists (none: the intercept). x and y
-- are shifted and scaled before they are multiplied, because cross-products of
-- raw scores lose digits.
--
-- observed: bit v is set when visit v+1 has a score. A subject whose covariates
-- are not all known has complete = 0 and adds nothing but its count.
WITH
    {visits:Array(String)} AS visits,
    arrayConcat(visits, [{baseline_visit:String}]) AS places,
    length(visits) AS n_visits,
    {columns:Array(Array(UInt16))} AS x_columns,
    scores AS
    (
        -- One row a subject, its places in the order of the visits and then the
        -- baseline. The rows come sorted by subject, so this needs no memory for
        -- all subjects at once. The newest revision counts, also when it has no
        -- score.
        SELECT
            subject,
            arrayReverseSort(groupArray((revision, sequence, indexOf(places, visit), ifNull(score, nan)))) AS newest_first,
            newest_first.3 AS at,
            arrayPushFront(newest_first.4, nan) AS scored,
            arrayMap(p -> scored[indexOf(at, p) + 1], arrayEnumerate(places)) AS y
        FROM response
        WHERE study = {study:String} AND instrument = {instrument:String} AND sequence <= {sequence:UInt64}
            AND has(places, visit)
        GROUP BY subject
    ),
    subjects AS
    (
        SELECT subject, argMax(factors, sequence) AS levels
        FROM subject
        WHERE study = {study:String}
        GROUP BY subject
    ),
    vectors AS
    (
        SELECT
            if(empty(scores.y), arrayResize([nan], n_visits + 1, nan), scores.y) AS all_scores,
            arraySlice(all_scores, 1, n_visits) AS y,
            arrayMap((f, l) -> if(f = '', all_scores[n_visits + 1], if(levels[f] = '', nan, toFloat64(levels[f] = l))),
                {atom_factors:Array(String)}, {atom_levels:Array(String)}) AS atoms,
            arrayMap(c -> if(empty(c), 1, arrayProduct(arrayMap(i -> atoms[i], c))), x_columns) AS x,
            not arrayExists(v -> isNaN(v), x) AS complete,
            toUInt64(arraySum(arrayMap((v, i) -> if(isNaN(v), 0, bitShiftLeft(toUInt64(1), i - 1)), y, arrayEnumerate(y)))) AS observed,
            if(complete, arrayConcat(
                arrayMap((v, shift, scale) -> (v - shift) / scale, x, {x_shift:Array(Float64)}, {x_scale:Array(Float64)}),
                arrayMap(v -> if(isNaN(v), 0, (v - {y_shift:Float64}) / {y_scale:Float64}), y)),
                arrayResize([toFloat64(0)], length(x_columns) + n_visits)) AS z
        FROM subjects
        LEFT JOIN scores ON subjects.subject = scores.subject
    ),
    -- One row an element of z: z_i times all of z, summed, is row i of z z'. (An
    -- arrayMap inside an arrayMap over z would copy z once a pair.)
    matrix AS
    (
        SELECT complete, observed, i, count() AS subjects, sumForEach(arrayMap(z_j -> z_i * z_j, z)) AS z_i_z
        FROM (SELECT complete, observed, z FROM vectors)
        ARRAY JOIN z AS z_i, arrayEnumerate(z) AS i
        GROUP BY complete, observed, i
    )
SELECT
    toUInt8(complete) AS complete,
    observed,
    any(subjects) AS n,
    arrayFlatten(arrayMap(r -> arraySlice(r.2, r.1), arraySort(groupArray((i, z_i_z))))) AS products
FROM matrix
GROUP BY complete, observed
ORDER BY complete, observed
