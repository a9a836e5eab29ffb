"""Panels of Camera: frames of a browser's camera as shots of classes, recognized live.

The page's layout is in `pages/camera.py`.
"""
