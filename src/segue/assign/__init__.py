"""Which variant does a unit get, and how probable was that? Pure: the same answer in every process, for ever."""
