"""What is true, and what comes in, where a rollout is simulated?"""
