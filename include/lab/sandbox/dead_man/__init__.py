"""An outside check that counts the signals it gets."""
