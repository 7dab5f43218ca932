"""Measurements of this service, each against baselines taken in the same run: see docs/benchmarks.md.

importing.py    a CSV file into a new store; against csv and sqlite-utils
sessions.py     one session between two nodes; against the bare library, and against hashes in the clear
auditing.py     an exported log; against hashing its entries twice
"""
