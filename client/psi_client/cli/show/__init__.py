"""What answers look like: each module turns a node's answers into text. Nothing is fetched in here."""
