"""MLflow as the registry: its client, what it says of a version, and the artifacts that it keeps."""
