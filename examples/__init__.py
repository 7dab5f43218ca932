"""Things to run: see the README of the repository."""
