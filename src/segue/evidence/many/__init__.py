"""What do many numbers say together: e-values of many claims, requests of one unit, batches in a row?"""
