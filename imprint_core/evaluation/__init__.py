"""From an embedding set and a recipe to accuracies: tasks, shots, the evaluator, metrics and tests.

Grids of many tasks and recipes are in `sweeps`; neural collapse is in `collapse`.
"""
