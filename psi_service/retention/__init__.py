"""What leaves the store for good: indicators whose time has come, and actors that are erased."""
