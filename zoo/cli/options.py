"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Home = Annotated[
    Path | None, typer.Option("--home", help="Folder that holds everything.", show_default=False)
]
Host = Annotated[
    str | None, typer.Option("--host", help="Address to listen on.", show_default="127.0.0.1")
]
Port = Annotated[
    int | None,
    typer.Option("--port", min=1, max=65535, help="Port to listen on.", show_default="8700"),
]
Url = Annotated[
    str | None,
    typer.Option("--url", help="The service to ask.", show_default="$ZOO_URL or this machine's"),
]
Key = Annotated[
    str | None,
    typer.Option(
        "--key",
        help="The API key to send; $ZOO_KEY keeps it out of the list of processes.",
        show_default="$ZOO_KEY",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
