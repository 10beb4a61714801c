SELECT name, value
FROM system.settings
WHERE name IN ('async_insert', 'wait_for_async_insert', 'insert_deduplicate')
