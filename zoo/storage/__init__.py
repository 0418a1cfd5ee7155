"""Files of record: durable before a row owns them, verified before they are used."""
