"""Panels of Explore: the framework diagram and suggestions to try.

The page's layout is in `pages/explore.py`.
"""
