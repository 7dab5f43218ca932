"""Signed notes, signed texts, the Merkle tree, tiles, checkpoints and entries of the log (C2SP, RFC 6962)."""
