"""What people and banks do, as one request each: the stories of the demo and the tests.

A story changes the vendors' states as a person's act would, and says which events came of it.
"""

from typing import Annotated

from pydantic import Field

from include.lab.sandbox.stories.accounts import AccountStory, Address, SignUp
from include.lab.sandbox.stories.base import Story, StoryError, ids_of
from include.lab.sandbox.stories.members import (
    Cancel,
    CompleteCheckout,
    DeleteCustomer,
    DeleteUser,
    MailchimpAddress,
    MembershipStory,
    NewMember,
    SlackPerson,
    UpdateMember,
)
from include.lab.sandbox.stories.money import (
    CancelNow,
    Card,
    ChangeCustomer,
    Dispute,
    ListPrice,
    RefundStory,
    RefundTakenBack,
    Subscribe,
    SwitchEndpoint,
    Upgrade,
)

__all__ = ["AnyStory", "Story", "StoryError", "ids_of"]

AnyStory = Annotated[
    AccountStory
    | Address
    | Cancel
    | CancelNow
    | Card
    | ChangeCustomer
    | CompleteCheckout
    | DeleteCustomer
    | DeleteUser
    | Dispute
    | ListPrice
    | MailchimpAddress
    | MembershipStory
    | NewMember
    | RefundStory
    | RefundTakenBack
    | SignUp
    | SlackPerson
    | Subscribe
    | SwitchEndpoint
    | UpdateMember
    | Upgrade,
    Field(discriminator="story"),
]
