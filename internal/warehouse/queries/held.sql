-- How many of a shipment's rows are here, each counted once.
SELECT
    (SELECT uniqExact(study, sequence) FROM study WHERE has({studies:Array(String)}, concat(study, ' ', toString(sequence))))
    + (SELECT uniqExact(sequence) FROM subject WHERE has({courses:Array(UInt64)}, sequence))
    + (SELECT uniqExact(sequence) FROM session WHERE has({sessions:Array(UInt64)}, sequence))
    + (SELECT uniqExact(sequence) FROM response WHERE has({responses:Array(UInt64)}, sequence)) AS held
