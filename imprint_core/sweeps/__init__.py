"""Grids of recipes, tasks and seeds, evaluated into one table, and the paper's findings checked on it.

One task and recipe at a time is in `evaluation`.
"""
