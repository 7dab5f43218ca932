"""Sessions on a timer. The table `jobs` is the truth; alarms in memory are filled from it."""
