"""Twilio's error documents (twilio.com/docs/api/errors); their texts quote the number, as the real ones do."""

from include.lab.sandbox.wire import Answer, Refusal, json_answer


def error(status: int, code: int, message: str) -> Answer:
    """Return an error document."""
    more = f"https://www.twilio.com/docs/errors/{code}"
    return json_answer(
        {"code": code, "message": message, "more_info": more, "status": status}, status
    )


def unauthenticated() -> Refusal:
    """Refuse an account and token that do not belong together."""
    return Refusal(error(401, 20003, "Authenticate"))


def not_found(path: str) -> Refusal:
    """Refuse what is not there."""
    return Refusal(error(404, 20404, f"The requested resource {path} was not found"))


def bad_number(to: str) -> Refusal:
    """Refuse what is no telephone number."""
    return Refusal(error(400, 21211, f"Invalid 'To' Phone Number: {to}"))


def no_sender() -> Refusal:
    """Refuse a message from nobody."""
    return Refusal(error(400, 21603, "A 'From' phone number is required."))


def foreign_sender(number: str) -> Refusal:
    """Refuse a sender that is not the account's."""
    return Refusal(
        error(400, 21606, f"The 'From' phone number provided ({number}) is not a valid number")
    )


def no_body() -> Refusal:
    """Refuse a message without a text."""
    return Refusal(error(400, 21602, "Message body is required."))


def long_body() -> Refusal:
    """Refuse a text that is too long."""
    return Refusal(
        error(400, 21617, "The concatenated message body exceeds the 1600 character limit")
    )
