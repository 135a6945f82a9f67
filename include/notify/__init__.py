"""How people are told: failed runs, questions, findings and dead letters to Slack, alerts to their channels.

`sending` is how whatever is told is tried, tried again and given up; the relay's watch uses it too ·
`notices` what is noted about failures, and when it is over · `outbox` sends that · `texts` what it says ·
`run_notes` what a run's note says · `findings` what reconciliation has to tell · `alerts` sends what the alert rules
have planned; its words are those of `alerts.texts`, in Slack's form those of `vendors.slack.texts`.
"""
