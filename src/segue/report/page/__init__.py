"""How does a report look: one file with its style and its pictures in it?"""
