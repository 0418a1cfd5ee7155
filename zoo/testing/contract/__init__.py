"""The plugin contract as tests: `PluginContract` for pytest, and what `zoo plugin check` runs."""

from zoo.testing.contract.report import PROMISES, Budget, Finding, Report
from zoo.testing.contract.suite import HeavyDescriptionWarning, PluginContract

__all__ = [
    "PROMISES",
    "Budget",
    "Finding",
    "HeavyDescriptionWarning",
    "PluginContract",
    "Report",
]
