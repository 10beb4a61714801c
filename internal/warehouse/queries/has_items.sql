-- Whether any answer to the instrument came with its items, rather than as a total.
SELECT toUInt8(count() > 0)
FROM
(
    SELECT 1
    FROM response
    WHERE study = {study:String} AND instrument = {instrument:String} AND sequence <= {sequence:UInt64} AND notEmpty(items)
    LIMIT 1
)
