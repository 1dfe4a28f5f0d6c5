"""What does drift look like as plain data: how training was distributed, what was counted since, and what was found?"""
