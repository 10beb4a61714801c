-- Whether any answer to the instrument came with its items, rather than as a total:
-- an instrument that takes totals alone has the total as its only item.
SELECT toUInt8(count() > 0)
FROM
(
    SELECT 1
    FROM response
    WHERE study = {study:String} AND instrument = {instrument:String} AND sequence <= {sequence:UInt64} AND length(items) > {beside:UInt64}
    LIMIT 1
)
