"""What whoever watches a node sees of it: its journal, its readiness, its spans."""
