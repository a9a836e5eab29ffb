"""Panels of Collapse: merged classes, class measures, spectra and all tasks.

The page's layout is in `pages/collapse.py`.
"""
