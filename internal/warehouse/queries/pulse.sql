-- What changes when ClickHouse starts anew, or sets a part of a table aside that it
-- cannot read.
SELECT
    (SELECT count() FROM system.detached_parts WHERE database = currentDatabase()) AS detached,
    toInt64(uptime()) AS up
