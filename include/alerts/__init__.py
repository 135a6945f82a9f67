"""Alert rules: what `include/alerts.yaml` may say, what it means, and when it fires. No I/O but reading the file.

`names` what a condition may speak of · `conditions` text → a tree that holds or not · `rules` the file, strictly ·
`rules_schema` the same for editors · `states` pending → firing → resolved · `texts` what a message says.
"""
