"""Sessions of the node: both sides of a run, the books that they keep, and how a broken one is settled."""
