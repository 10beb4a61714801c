ALTER TABLE session DELETE WHERE has({sequences:Array(UInt64)}, sequence) SETTINGS mutations_sync = 1
