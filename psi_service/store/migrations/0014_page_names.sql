-- A page is named by its first element, so that one that was purged or has left names none: until here it could.
PRAGMA secure_delete = ON;
DELETE FROM member_pages WHERE first <> x'' AND length(elements) = 0;
UPDATE member_pages SET first = substr(elements, 1, 32) WHERE first <> x'' AND first <> substr(elements, 1, 32);
PRAGMA secure_delete = OFF;
