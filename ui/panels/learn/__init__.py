"""Lessons of Learn, one per module, and the frame that they share; the table of lessons is in `controls`.

The page's layout is in `pages/learn.py`.
"""
