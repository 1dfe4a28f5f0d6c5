"""What do questions, conditions and audits see of a simulated world?"""
