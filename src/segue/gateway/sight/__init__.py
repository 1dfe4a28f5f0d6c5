"""What does the gateway let people see of itself?"""
