"""Cached and progressive calls into the core, keyed by digests.

Nothing here draws.
"""
