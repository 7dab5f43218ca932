"""The node put together: its rooms, its start and stop, and how a command reaches it."""
