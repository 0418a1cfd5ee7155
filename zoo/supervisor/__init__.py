"""`zoo up`: a home, an embedded broker and all processes of the service, from one terminal."""
