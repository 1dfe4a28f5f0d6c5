"""How is an installation started and steered while it serves?"""
