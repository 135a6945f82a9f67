"""Mailchimp's problem documents, held against those that others quoted."""

import json
from uuid import UUID

import pytest

from include.lab.sandbox.mailchimp import errors
from tests import contracts

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
def test_problem_is_as_written_down(name, answer):
    """Status, content type and what is quoted of the body; only the instance is each time another."""
    document = json.loads(answer.body)

    assert UUID(document.pop("instance"))
    for path in contracts.examples("mailchimp/problems.json"):
        quoted = contracts.load(path)[name]
        quoted["body"].pop("instance", None)
        assert (answer.status, answer.content_type) == (quoted["status"], quoted["content_type"])
        assert document.items() >= quoted["body"].items(), path
