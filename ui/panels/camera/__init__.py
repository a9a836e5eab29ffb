"""Panels of Camera beside the live one, which is in `ui/camera`.

The page's layout is in `pages/camera.py`.
"""
