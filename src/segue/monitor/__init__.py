"""The monitoring service: measure, weigh, decide, save, carry out; and the ways in for people."""
