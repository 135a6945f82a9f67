"""Who is a member, and what follows: pure rules over what vendors say and the policy file `include/membership.yaml`.

`members`, `contacts` and `ends` are what is known · `policy` reads the file · `plans` says which plan a subscription is
on · `identity` whose a customer is · `identity_map` and `merging` who is who · `states` which state of an object is
the newest · `standing` what a membership means · `desired_contact` what Mailchimp should show · `end_rules` when
it ends. Nothing here calls, reads or writes
anything but the policy file.
"""
