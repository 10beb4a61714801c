ALTER TABLE subject
DELETE WHERE has(arrayZip({studies:Array(String)}, {subjects:Array(String)}), (toString(study), toString(subject)))
SETTINGS mutations_sync = 2
