"""Dead letters at the terminal: which of them are meant, and how they are shown."""
