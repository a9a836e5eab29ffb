"""Neural collapse: class statistics, NC1 and its relatives, spectra, and accuracy over k of merged classes.

Charts of these are in `figures`.
"""
