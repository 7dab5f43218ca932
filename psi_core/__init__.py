"""Protocol core of cross-lab indicator matching: no sockets, clock, files, processes or database."""
