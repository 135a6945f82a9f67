"""The vendors we call, a folder each. Every failure is an error of `include.errors`.

Texts of errors hold no address and no secret: they name what was refused, in our words.
"""
