"""The demo: real flights, real models, real processes, from a champion to its successor in a few minutes."""
