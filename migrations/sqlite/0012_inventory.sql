-- What the inventory lists of a model beside its name: whether it is used, and when it was validated in full last.
ALTER TABLE model_view ADD COLUMN status TEXT NOT NULL DEFAULT 'in_development';
ALTER TABLE model_view ADD COLUMN validated_at BIGINT NOT NULL DEFAULT 0; -- 0: never
UPDATE model_view SET status = 'in_use' WHERE champions <> '{}';
CREATE INDEX model_view_owner ON model_view (owner, name);
CREATE INDEX work_item_kind ON work_item (kind, number);
