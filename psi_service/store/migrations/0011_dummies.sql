-- Dummies are few beside the elements of a set, and are read apart from them each time a set is frozen.

CREATE INDEX members_dummies ON members (peer, match_key, spare) WHERE dummy = 1;
