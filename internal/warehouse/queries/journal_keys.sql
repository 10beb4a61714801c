-- Every journal row that is here, once, however often it was shipped.
SELECT sequence, any(key), any(receipt), any(instrument), any(revision), any(received_at), any(study), any(content_hash)
FROM response
GROUP BY sequence
ORDER BY sequence
