"""What is told to people: why it was decided, how it compares, how long it took?"""
