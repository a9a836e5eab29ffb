"""Panels of Leaderboard: its controls, ranking, findings and downloads.

The page's layout is in `pages/leaderboard.py`.
"""
