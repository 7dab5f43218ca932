"""This node's own identity on disk: its keys and its card, made once."""
