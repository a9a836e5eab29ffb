"""Two-dimensional maps: layouts (UMAP, PCA), their storage and background jobs, proxy positions, decision regions.

How a map is drawn is in `figures.embedding_map`.
"""
