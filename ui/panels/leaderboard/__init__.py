"""Panels of Leaderboard: its controls, fit times and downloads.

The page's layout is in `pages/leaderboard.py`.
"""
