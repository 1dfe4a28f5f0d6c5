"""How many observations will a claim take, and with which chance is it shown by then?"""
