"""Named recipes: presets, the text form of a recipe, and advice on combinations that make no sense.

What a recipe is and which values it takes stands in `framework.recipe`.
"""
