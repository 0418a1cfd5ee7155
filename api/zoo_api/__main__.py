"""`python -m zoo_api`: the API of the home that the environment names."""

from __future__ import annotations

import sys

from zoo import leash, logs
from zoo.catalog import open_catalog
from zoo.errors import StartError
from zoo.settings import load_settings
from zoo.supervisor.home import make_folders
from zoo.supervisor.preflight import check_bind, check_port, check_rate_limit
from zoo_api.memory import return_what_is_freed
from zoo_api.server import ApiServer

CANNOT_START = 2


def main() -> None:
    """Serve until told to stop."""
    leash.hold()
    logs.start("api")
    return_what_is_freed()
    try:
        settings = load_settings()
        check_bind(settings)
        check_rate_limit(settings)
        check_port(settings.host, settings.port)
        open_catalog(settings.resolved_database_url).close()  # connects to nothing yet
        make_folders(settings)
    except StartError as error:
        sys.stderr.write(f"{error.detail}\n")
        raise SystemExit(CANNOT_START) from error
    ApiServer(settings).run()


if __name__ == "__main__":
    main()
