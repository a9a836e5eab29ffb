"""Panels of Learn: the lessons and the frame that they share.

The page's layout is in `pages/learn.py`.
"""
