"""Commands about a policy: is it right, how long will it take, what would it do, whom does it give what?"""
