"""How long will a rollout take, what will it cost, and which of its gates can never decide?"""
