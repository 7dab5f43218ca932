"""`psi-node doctor`: what is wrong with a node, line by line, with what mends it. It changes nothing."""
