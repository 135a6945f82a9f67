"""What makes a member: pure rules over what the vendors say and the policy file `include/membership.yaml`.

`policy` reads the file · `plans` says which plan a subscription is on · `identity` whose a customer is.
Nothing here calls, reads or writes anything but the policy file.
"""
