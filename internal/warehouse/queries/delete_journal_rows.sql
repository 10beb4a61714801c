ALTER TABLE response DELETE WHERE has({sequences:Array(UInt64)}, sequence) SETTINGS mutations_sync = 1
