-- When to look at a state again because time alone may make something due. Not a view: a row too many costs a look.
CREATE TABLE due (
    aggregate TEXT COLLATE "C" PRIMARY KEY,
    at        BIGINT NOT NULL
);
CREATE INDEX due_at ON due (at);
