"""The history of the schema: one file a revision, never changed once released."""
