"""The IMPRINT framework (paper, section 3): NORM, GEN, AGG, transforms, the recipe and the estimator.

Arrays in, arrays out. Nothing here knows of datasets, files or the app.
"""
