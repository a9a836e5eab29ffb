"""Panels of Map: explanations, selected samples and nine layouts.

The page's layout is in `pages/map.py`.
"""
