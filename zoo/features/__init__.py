"""The feature store: every embedding of record, made once per content and space."""
