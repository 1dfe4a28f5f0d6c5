"""The suites that an adapter must pass: inherit one, override one fixture, run pytest."""
