"""The sidebar: the table of controls, their validation and the link.

Controls of a single page are in that page's panels.
"""
