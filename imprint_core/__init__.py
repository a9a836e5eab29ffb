"""Weight imprinting: generation, normalisation and aggregation of proxies, exactly."""

__version__ = "1.0"
