"""How much does a share vary from day to day? Looked at on fixed days, because a variance of days has no test for any look."""
