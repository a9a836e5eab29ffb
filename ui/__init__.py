"""What the pages share: controls, cached results, charts, widgets, sharing, navigation and each page's panels.

The pages themselves are in `pages`; computation is in `imprint_core`.
"""
