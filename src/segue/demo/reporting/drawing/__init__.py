"""How are the pictures of a report drawn?"""
