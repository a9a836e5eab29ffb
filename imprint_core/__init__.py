"""Weight imprinting: generation, normalisation and aggregation of proxies, exactly."""
