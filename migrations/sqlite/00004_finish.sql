-- +goose Up

-- When a browser began a form: one that was begun within its window may be
-- finished for a day after it. Drafts from before count from their last save.
ALTER TABLE draft ADD COLUMN started_at TEXT;
UPDATE draft SET started_at = saved_at;

-- 1 when the answers came after the window had closed.
ALTER TABLE occasion ADD COLUMN answered_late INTEGER NOT NULL DEFAULT 0 CHECK (answered_late IN (0, 1));

-- +goose Down
ALTER TABLE occasion DROP COLUMN answered_late;
ALTER TABLE draft DROP COLUMN started_at;
