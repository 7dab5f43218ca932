"""Sealed bundles of engine `oprf`: the chunks behind each record, kept outside the log for as long as agreed."""
