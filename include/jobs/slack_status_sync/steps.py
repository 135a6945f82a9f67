"""One run: who is a member, who is at Slack, what differs, and bringing that about."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import structlog

from include.errors import MemberUnknownError
from include.jobs.slack_status_sync import decide, extras, snapshot
from include.jobs.slack_status_sync.report import SlackSyncResult, TargetResult
from include.jobs.slack_status_sync.targets import read_targets
from include.membership.standing import Standing, has_access
from include.store.audit import AuditEntry, member_target
from include.store.slack import AccountLink, SlackGracePeriod, since_by_id

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from include.clock import Clock
    from include.jobs.slack_status_sync.rate_limits import SlackRateLimiter
    from include.jobs.slack_status_sync.targets import Changed, SlackTarget
    from include.membership.members import Member
    from include.settings import JobSettings
    from include.store import Store
    from include.vendors.slack.client import Slack
    from include.vendors.slack.workspace import SlackWorkspace

JOB: Final = "slack_status_sync"
ACTOR: Final = f"system:{JOB}"
TARGET: Final = f"job:{JOB}"
BUDGET: Final = timedelta(seconds=100)
"""Of the run's 120: a last call may take ten, and the report its part."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class SlackRunOptions:
    """What a run is told: by the connection, by the settings, and by a person who starts it by hand."""

    group_id: str = ""
    channel_ids: tuple[str, ...] = ()
    field_id: str = ""

    grace: timedelta = timedelta(days=3)
    propose_after: timedelta = timedelta(days=30)
    share: float = 0.2
    protected: frozenset[str] = frozenset()

    dry_run: bool = False
    member_id: UUID | None = None  # only this member
    remove_up_to: int = 0  # a person has looked, and so many may go
    links: tuple[AccountLink, ...] = ()  # who is who, said by a person


def run_options_from(
    params: Mapping[str, Any], *, extra: Mapping[str, Any], settings: JobSettings
) -> SlackRunOptions:
    """Read what a person filled in, the connection's extras, and the settings."""
    member_id = params["member_id"]
    pairs = [pair.partition("=") for pair in params["same_person"]]
    return SlackRunOptions(
        group_id=str(extra.get("user_group") or ""),
        channel_ids=tuple(extra.get("channels") or ()),
        field_id=str(extra.get("profile_field") or ""),
        grace=timedelta(days=settings.slack_grace_days),
        propose_after=timedelta(days=settings.slack_propose_after_days),
        share=settings.slack_most_removed_share,
        protected=frozenset(settings.slack_protected),
        dry_run=bool(params["dry_run"]),
        member_id=UUID(member_id) if member_id else None,
        remove_up_to=int(params["remove_up_to"]),
        links=tuple(
            AccountLink(member_id=UUID(member), slack_user_id=user, by_hand=True)
            for member, _, user in pairs
        ),
    )


class Sync:
    """One run with its collaborators."""

    def __init__(  # noqa: PLR0913 - collaborators, by name
        self,
        run_options: SlackRunOptions,
        *,
        workspace: SlackWorkspace,
        slack: Slack,
        limiter: SlackRateLimiter,
        store: Store,
        clock: Clock,
        dag_run_id: str,
    ) -> None:
        """Begin now; nothing is called yet."""
        self.run_options, self.workspace, self.slack = run_options, workspace, slack
        self.limiter, self.store, self.clock, self.dag_run_id = limiter, store, clock, dag_run_id
        self.now: datetime = clock.now()
        self.result = SlackSyncResult(dry_run=run_options.dry_run)

    def run(self) -> SlackSyncResult:
        """Bring Slack in line, write down what came of it, and return it.

        One target's or person's failure stops nobody else. Raises VendorError or TimeUpError where it cannot
        even be found out who is there: then nothing was changed.
        """
        known = self.store.slack.links() | {link.member_id: link for link in self.run_options.links}
        members = self._members(known)
        run_options = self.run_options
        targets = read_targets(
            run_options.group_id, run_options.channel_ids, self.workspace, self.limiter, self.result
        )
        people = self._people(members, known, targets)
        found = snapshot.match(members, known, people)
        wanted = self._snapshot(members, found, people)
        if self._is_mute(wanted, targets, found):
            self.result.refused = decide.NOBODY
        else:
            self._bring_about(members, found, wanted, targets)
        self._report()
        return self.result

    def _members(self, links: Mapping[UUID, AccountLink]) -> list[Member]:
        """Return the members this run is about: all, or one with whoever has the same account."""
        wanted = self.run_options.member_id
        if wanted is None:
            return list(self.store.members.read(self.store.members.subscribers()).values())
        account = links[wanted].slack_user_id if wanted in links else None
        same = {m for m, link in links.items() if link.slack_user_id == account}
        members = self.store.members.read({wanted, *same})
        if wanted not in members:
            raise MemberUnknownError(f"there is no member {wanted}")
        return list(members.values())

    def _people(
        self,
        members: list[Member],
        links: Mapping[UUID, AccountLink],
        targets: Collection[SlackTarget],
    ) -> snapshot.SlackDirectory:
        """Read whom this run has to know at Slack."""
        ids = {member.id for member in members}
        present = [user_id for target in targets for user_id in target.users]
        if self.run_options.member_id is not None:
            links, present = {m: link for m, link in links.items() if m in ids}, []
        return snapshot.read_people(
            members, links, present, workspace=self.workspace, limiter=self.limiter
        )

    def _snapshot(
        self, members: list[Member], found: snapshot.Match, people: snapshot.SlackDirectory
    ) -> decide.MembershipSnapshot:
        """Say who should be where members are, and count."""
        best = snapshot.standings(members, found.links)
        kinds = {user_id: person.kind for user_id, person in people.by_id.items()}
        active = frozenset(user_id for user_id, s in best.items() if s >= Standing.PAST_DUE)
        everybody = decide.MembershipSnapshot(
            wanted=active,
            kinds=kinds,
            protected=self.run_options.protected,
            scope=frozenset(best) if self.run_options.member_id else None,
        )
        self.result.active = sum(map(has_access, members))
        self.result.matched = sum(map(everybody.is_ordinary, active))
        self.result.unmatched = found.unmatched
        self.result.passed_over = Counter(
            "protected" if user_id in self.run_options.protected else str(people.kind_of(user_id))
            for user_id in active
            if not everybody.is_ordinary(user_id)
        )
        return everybody

    def _is_mute(
        self,
        wanted: decide.MembershipSnapshot,
        targets: Collection[SlackTarget],
        found: snapshot.Match,
    ) -> bool:
        """Tell whether nobody at all would be a member, and no person said that this may be so.

        A community that has just begun has nobody to lose, and nothing is refused there.
        """
        there = {user_id for target in targets for user_id in target.users}
        there |= {link.slack_user_id for link in found.links.values()}
        is_about_all = wanted.scope is None and not self.run_options.remove_up_to
        return (
            is_about_all
            and any(map(wanted.may_lose, there))
            and not any(map(wanted.is_ordinary, wanted.wanted))
        )

    def _bring_about(
        self,
        members: list[Member],
        found: snapshot.Match,
        wanted: decide.MembershipSnapshot,
        targets: Collection[SlackTarget],
    ) -> None:
        grace_periods = self._grace_periods(found, wanted, targets)
        grace = decide.RemovalGrace(
            since=since_by_id(grace_periods), now=self.now, length=self.run_options.grace
        )
        for target in targets:
            self._change(target, wanted, grace, found)
        texts = extras.fields_to_set(members, found.links, wanted, grace)
        names = extras.to_propose(
            grace_periods.values(),
            found.links.values(),
            wanted,
            now=self.now,
            after=self.run_options.propose_after,
        )
        self._extras(texts if self.run_options.field_id else [], names)

    def _grace_periods(
        self,
        found: snapshot.Match,
        wanted: decide.MembershipSnapshot,
        targets: Collection[SlackTarget],
    ) -> dict[str, SlackGracePeriod]:
        """Return since when who has lapsed, and write down what is new of it and of who is who."""
        slack = self.store.slack
        there = {user_id for target in targets for user_id in target.users}
        there |= {link.slack_user_id for link in found.links.values()}
        there &= there if wanted.scope is None else wanted.scope
        lapsed = set(filter(wanted.has_lapsed, there))
        known = slack.grace_periods()
        if not self.run_options.dry_run:
            over = known.keys() - lapsed
            with self.store.transaction():
                slack.link([*self.run_options.links, *found.new], now=self.now)
                slack.begin_grace_periods(lapsed, now=self.now)
                slack.end_grace_periods(over if wanted.scope is None else over & wanted.scope)
        new = {
            user_id: SlackGracePeriod(slack_user_id=user_id, since=self.now) for user_id in lapsed
        }
        return new | {
            user_id: grace_period for user_id, grace_period in known.items() if user_id in lapsed
        }

    def _change(
        self,
        target: SlackTarget,
        wanted: decide.MembershipSnapshot,
        grace: decide.RemovalGrace,
        found: snapshot.Match,
    ) -> None:
        """Change one target, unless a person has to look first."""
        change = decide.difference(target.users, wanted, grace, cannot_stay=target.cannot_stay)
        outcome = TargetResult(before=len(target.users), waiting=len(change.waiting))
        self.result.targets[target.id] = outcome
        outcome.refused = self._refusal(target, change, wanted)
        self._tell(target, change, outcome)
        if outcome.refused:
            return
        if self.run_options.dry_run:
            outcome.added, outcome.removed = len(change.add), len(change.remove)
            outcome.dropped = len(change.dropped)
            return
        changed = target.apply(change, self.result)
        outcome.added, outcome.removed = len(changed.added), len(changed.removed)
        self._audit(target, changed, found)

    def _refusal(
        self, target: SlackTarget, change: decide.TargetChange, wanted: decide.MembershipSnapshot
    ) -> str | None:
        guard = decide.Guard(share=self.run_options.share, confirmed=self.run_options.remove_up_to)
        empties = bool(target.users) and not change.after
        if wanted.scope is None or (empties and change.remove):
            return guard.refusal(change)
        return None

    def _tell(
        self, target: SlackTarget, change: decide.TargetChange, outcome: TargetResult
    ) -> None:
        """Say who is meant, by id at Slack."""
        log.info(
            "slack_sync.would_change" if self.run_options.dry_run else "slack_sync.changes",
            target_id=target.id,
            add=sorted(change.add),
            remove=sorted(change.remove),
            waiting=sorted(change.waiting),
            dropped=sorted(change.dropped),
            refused=outcome.refused,
        )

    def _extras(self, texts: list[tuple[AccountLink, str]], names: list[str]) -> None:
        if self.run_options.dry_run:
            self.result.fields_set, self.result.proposed = len(texts), len(names)
            return
        extras.set_fields(
            texts,
            self.run_options.field_id,
            workspace=self.workspace,
            limiter=self.limiter,
            store=self.store,
            result=self.result,
        )
        extras.propose(
            names,
            days=self.run_options.propose_after / timedelta(days=1),
            slack=self.slack,
            limiter=self.limiter,
            store=self.store,
            now=self.now,
            result=self.result,
        )

    def _audit(self, target: SlackTarget, changed: Changed, found: snapshot.Match) -> None:
        """Write down who came in and who went out, of those whom we know as members."""
        members = {link.slack_user_id: link.member_id for link in found.links.values()}
        rows = [
            AuditEntry(
                target=member_target(members[user_id]),
                actor=ACTOR,
                action=action,
                dag_run_id=self.dag_run_id,
                metadata={"target": target.id},
            )
            for action, user_ids in (
                ("slack:add", changed.added),
                ("slack:remove", changed.removed),
            )
            for user_id in sorted(user_ids)
            if user_id in members
        ]
        with self.store.transaction():
            self.store.audit.add(rows, now=self.clock.now())

    def _report(self) -> None:
        """Say in the log what came of the run, and in the audit log unless it was only tried out."""
        document = self.result.document()
        log.info(
            "slack_sync.dry_run" if self.run_options.dry_run else "slack_sync.completed", **document
        )
        if self.run_options.dry_run:
            return
        change = AuditEntry(
            target=TARGET,
            actor=ACTOR,
            action="job:refused" if self.result.refusals else "job:completed",
            dag_run_id=self.dag_run_id,
            metadata=document,
        )
        with self.store.transaction():
            self.store.audit.add([change], now=self.clock.now())
