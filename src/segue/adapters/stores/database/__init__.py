"""The database under the stores: how it is reached, its tables, and what its errors mean."""
