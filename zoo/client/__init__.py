"""Speaks to a FeatureZoo service over HTTP, for the command line and for anybody's scripts."""

from zoo.client.answers import (
    Classification,
    Collection,
    Dataset,
    FailedInput,
    Hit,
    Job,
    Label,
    Model,
    Plugin,
    Progress,
    SearchAnswer,
)
from zoo.client.client import Client
from zoo.client.http import ClientError
from zoo.client.packing import pack_folder
from zoo.client.uploads import Source, Upload, gather

__all__ = [
    "Classification",
    "Client",
    "ClientError",
    "Collection",
    "Dataset",
    "FailedInput",
    "Hit",
    "Job",
    "Label",
    "Model",
    "Plugin",
    "Progress",
    "SearchAnswer",
    "Source",
    "Upload",
    "gather",
    "pack_folder",
]
