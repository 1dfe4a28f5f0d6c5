"""The metric catalogue: one file a family; each kind gives its SQL over one row and the value that a summary stands for."""
