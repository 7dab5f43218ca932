"""The spot check, from the lab's side: drawn leaves of a committed set, shown on the lab's own screen."""
