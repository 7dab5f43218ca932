"""The two honest ways out for a node whose log is behind what it signed: recover the tail, or begin a new log."""
