"""Panels of Compare: A against B, in numbers, samples and tasks.

The page's layout is in `pages/compare.py`.
"""
