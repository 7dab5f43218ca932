"""Figures for Prometheus. Sizes of lists and counts of matches are not among them, nor can they be worked out."""
