"""Background processes: start, watch, stop and resume work that outlives the page that started it.

What the work computes is in the packages that use it.
"""
