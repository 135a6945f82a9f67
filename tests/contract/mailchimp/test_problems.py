"""Mailchimp's problem documents, held against those that others quoted."""

import json
from uuid import UUID

import pytest

from include.lab.sandbox.mailchimp import errors

EMAIL = "member@example.com"


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("member_in_compliance_state", errors.compliance_state(EMAIL).answer),
        ("forgotten_email", errors.forgotten(EMAIL).answer),
        ("member_exists", errors.member_exists(EMAIL).answer),
        ("resource_not_found", errors.not_found().answer),
        ("method_not_allowed", errors.cannot_be_removed().answer),
        ("too_many_requests", errors.too_many_requests()),
        (
            "invalid_resource",
            errors.invalid_field(
                "email_address", "Schema describes string, null found instead"
            ).answer,
        ),
    ],
)
def test_problem_is_word_for_word(checked, name, answer):
    """Status, content type and every word are as quoted; only the instance is each time another."""
    folder = checked.settings.contracts_dir / "fixtures" / "mailchimp"
    quoted = json.loads((folder / "problems.json").read_text(encoding="utf-8"))[name]
    document = json.loads(answer.body)

    assert UUID(document.pop("instance"))
    del quoted["body"]["instance"]
    assert (answer.status, answer.content_type) == (quoted["status"], quoted["content_type"])
    assert document == quoted["body"]
