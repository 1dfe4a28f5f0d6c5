"""The commands about data: what came true, how it is distributed, what it adds up to."""
