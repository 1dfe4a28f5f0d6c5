"""What happened before: to a unit under earlier allocations, and since the last measurement?"""
