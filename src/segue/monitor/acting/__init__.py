"""What is done about a decision, and what has to be served for it?"""
