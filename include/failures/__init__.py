"""What becomes of what fails: the one retry decision, the circuit breakers, the cases, and people's decisions.

`retry_policy` says what is tried again and when · `cases` writes it down · `breakers` leaves a vendor alone that is
down · `dead_letters` is what a person may do. The classes of failures are in `include/errors.py`.
"""
