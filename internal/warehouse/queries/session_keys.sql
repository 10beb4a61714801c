-- Every session row that is here, once, however often it was shipped.
SELECT sequence, any(study), any(content_hash)
FROM session
GROUP BY sequence
ORDER BY sequence
