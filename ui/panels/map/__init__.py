"""Panels of Map: maps, toolbar, confusion, explanations, selected samples and nine layouts.

The page's layout is in `pages/map.py`.
"""
