"""What is shown through something else: a quantile through the counts below it, a bound through agreement?"""
