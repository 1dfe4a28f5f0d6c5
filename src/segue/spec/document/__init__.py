"""How a rollout is written: the tree with positions, the table of keys, one reader a section, the rules between sections."""
