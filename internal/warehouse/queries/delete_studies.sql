ALTER TABLE study
DELETE WHERE has({studies:Array(String)}, study)
SETTINGS mutations_sync = 2
