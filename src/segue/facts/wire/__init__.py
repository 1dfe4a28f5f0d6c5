"""How do facts travel and rest: as JSON, as msgpack, in frames of a journal, as the body of a request?"""
