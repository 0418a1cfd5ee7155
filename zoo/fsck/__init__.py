"""Checking a home without a service: every row's file is there, whole, and what it should be."""

from zoo.fsck.home import check_home, count_leftovers, repair_home
from zoo.fsck.problems import OpenHome, Outcome, Problem

__all__ = ["OpenHome", "Outcome", "Problem", "check_home", "count_leftovers", "repair_home"]
