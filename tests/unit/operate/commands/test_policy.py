"""`./ops policy check`: can the policy be used, said so that a person can mend it."""

import pytest
from typer.testing import CliRunner

from include.errors import CommandError
from include.operate.commands.policy import app, policy_of


def test_shipped_policy_can_be_used():
    """The tiers in order of rank, and what becomes of other subscriptions."""
    answer = CliRunner().invoke(app, ["check"])

    assert answer.exit_code == 0
    assert "tiers leader, pro, community; subscriptions on no plan are ignored" in answer.output


def test_mistake_is_told_with_its_place(tmp_path):
    """A file that cannot be used ends the command with line, column and the nearest right word."""
    file = tmp_path / "mine.yaml"
    file.write_text("plans: [{teir: gold, products: [prod_gold]}]\n")

    with pytest.raises(
        CommandError, match=r"mine\.yaml:1:16: unknown key teir; did you mean tier\?"
    ):
        policy_of(file)
