"""The `zoo` command: starts processes by module name, talks to the service over HTTP."""
