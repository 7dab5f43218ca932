"""What sessions matched, as analysts see it."""
