-- How many rows of a study are here, each counted once however often it was
-- shipped, and what would show that ClickHouse lost some since it was last looked
-- at: parts set aside, and a start.
SELECT
    (SELECT uniqExact(sequence) FROM response
        WHERE study = {study:String} AND sequence < {journal_below:UInt64} AND NOT has({journal_except:Array(UInt64)}, sequence)) AS journal,
    (SELECT uniqExact(sequence) FROM session
        WHERE study = {study:String} AND sequence < {session_below:UInt64} AND NOT has({session_except:Array(UInt64)}, sequence)) AS sessions,
    (SELECT uniqExact(subject) FROM subject WHERE study = {study:String}) AS subjects,
    (SELECT count() FROM system.detached_parts WHERE database = currentDatabase()) AS detached,
    toInt64(uptime()) AS up
