"""Backups of a node: one sealed file, made while the node runs, and the rules by which it comes back."""
