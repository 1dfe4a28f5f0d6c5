"""The REST API: everything that a person or a program may ask of an installation, over HTTP."""
