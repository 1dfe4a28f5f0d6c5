"""What would this policy do? The very same decide code on seeded worlds, thousands of rollouts a minute."""
