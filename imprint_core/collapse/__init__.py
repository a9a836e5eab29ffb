"""Neural collapse: class statistics, NC1 and related measures, spectra, and accuracy over k of merged classes.

Figures of these results are in `figures.collapse`.
"""
