"""One package per page, with the panels and controls that only this page has.

No page's panels import another page's.
"""
