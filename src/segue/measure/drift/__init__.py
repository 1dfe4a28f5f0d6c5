"""How is what was served distributed, in the bins of a training profile?"""
