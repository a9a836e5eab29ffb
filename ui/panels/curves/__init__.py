"""Panels of Curves: the grid of small multiples and its series.

The page's layout is in `pages/curves.py`.
"""
