"""What each kind may say, in pydantic. Imported on demand only: cached manifests never need it."""
