"""Looking a machine and a home over: each thing that may be wrong, and what to do about it."""

from zoo.supervisor.doctor.examining import examine
from zoo.supervisor.doctor.findings import Finding, Verdict

__all__ = ["Finding", "Verdict", "examine"]
