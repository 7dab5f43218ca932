"""Agreements with other labs: proposed, accepted, in force, revoked."""
