"""A seeded calendar: who is in it."""

from include.lab.sandbox.luma.seed import CalendarWish, seed_calendar

MEMBERS = [f"m{number}@example.org" for number in range(6)]


def test_members_are_among_the_guests_in_every_spelling(luma_state):
    """Plus addresses, upper case and plain ones: each member once, strangers fill up."""
    wish = CalendarWish(guests=20, members=MEMBERS, plus=2, upper=3, events=2)

    made = seed_calendar(luma_state, wish)

    spelled = {guest["member"]: guest["email"] for guest in made["guests"] if guest["member"]}
    assert list(map(spelled.get, MEMBERS)) == [
        "m0+luma@example.org",
        "m1+luma@example.org",
        "M2@EXAMPLE.ORG",
        "M3@EXAMPLE.ORG",
        "M4@EXAMPLE.ORG",
        "m5@example.org",
    ]
    assert len(made["guests"]) == 20
    assert {guest["event_id"] for guest in made["guests"]} == set(made["events"])


def test_past_event_is_apart(luma_state):
    """Guests of the past event are no coming event's."""
    made = seed_calendar(luma_state, CalendarWish(guests=1, guests_of_past_event=2))

    past = luma_state.events[made["past_event"]]
    assert past.start_at < luma_state.now() < luma_state.events[made["events"][0]].start_at
    assert len(made["past_guests"]) == 2
