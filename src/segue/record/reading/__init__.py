"""How does each protocol say what was asked and what was answered? One file a protocol."""
