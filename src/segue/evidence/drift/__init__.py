"""Is what is served still distributed as in training, as in front of the champion, as last week?"""
