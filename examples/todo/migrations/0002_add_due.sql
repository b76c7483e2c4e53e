-- A day, such as 2026-11-25, or nothing.
ALTER TABLE tasks ADD COLUMN due TEXT;
CREATE INDEX tasks_by_due ON tasks (due) WHERE done = 0;
