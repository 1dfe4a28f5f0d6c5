"""What we need from outside: clock, store, lake, engine, registry. Protocols only; the suites for them are in `testkit`."""
