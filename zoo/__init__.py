"""FeatureZoo's core: the catalog, the job life-cycle, the feature store, the backbone contract."""

__version__ = "0.1.0"
