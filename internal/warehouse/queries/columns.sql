SELECT concat(table, '.', name), type
FROM system.columns
WHERE database = currentDatabase() AND table != 'goose_db_version'
ORDER BY table, name
