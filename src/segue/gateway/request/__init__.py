"""What becomes of one request on its way through the gateway?"""
