"""The vendors we call, one module each. Every failure is an error of `include.errors`.

Texts of errors hold no address and no secret: they name what was refused, in our words.
"""
