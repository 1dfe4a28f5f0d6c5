"""Which processes belong to this one, and what if one of them dies, or has to be renewed?"""
