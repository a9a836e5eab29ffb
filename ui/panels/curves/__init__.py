"""Panels of Curves: its controls, series, the grid of charts, and the paper's curves.

The page's layout is in `pages/curves.py`.
"""
