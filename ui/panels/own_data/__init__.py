"""Panels of Your own data: uploads, try one image, add a class.

The page's layout is in `pages/own_data.py`.
"""
