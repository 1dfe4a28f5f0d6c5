"""In which worlds are the systems compared?"""
