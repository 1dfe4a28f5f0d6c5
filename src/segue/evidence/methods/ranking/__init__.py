"""Does a model rank positives above negatives, as an area under a curve says?"""
