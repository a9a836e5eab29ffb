"""Commands for maintainers: build the bundled sets and recompute the bundled results.

Users of the app do not need them.
"""
