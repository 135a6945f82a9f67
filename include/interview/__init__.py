"""What a person is asked at a terminal, and the `.env` that keeps the answers."""
