"""What does the report of a demo say, and how does it look?"""
