"""How are simulated rollouts told: as text and as a page?"""
