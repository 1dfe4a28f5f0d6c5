"""What does one gate claim, expect and say?"""
