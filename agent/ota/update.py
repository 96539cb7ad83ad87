"""An update on its node: from what is offered to a release that runs, or the one before it.

    fetching -> verified -> staged -> trial -> committed | rolled back        (or refused before it is staged)

`step` makes one move and remembers it; whoever calls it again after a crash goes on from there. The
invariants: what runs is one whole release; a number once staged is never staged again; a trial ends
by commit or by going back, whatever becomes of power, disk and processes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from agent.config import Config
from agent.errors import ConfigError, Refused, UserError
from agent.ota import bundle
from agent.ota.approval import Loosened, approve, understood
from agent.ota.ledger import Attempt, Floors, Ledger, State, Wanted
from agent.ota.offer import Instant, NotOurTurn, Offers
from agent.ota.releases import Releases
from agent.ota.source import Shelf, assembled, wanted

log = logging.getLogger(__name__)

OFFER = "offer-"
"""Begins the word for an offer that was not believed; other words are of the update itself."""

TRIAL_S = 900.0
"""How long a release may take to prove itself, boots of the machine included."""

PROOF_S = 75.0
"""How long one process watches a release that does not prove itself; what it is patient with does not count."""

MAX_BOOTS = 3
"""Boots of the machine within a trial; one more and the release goes back."""

MAX_TRIES = 5
"""How often staging may fail for want of disk before it is given up."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the health gate says of a trial: good, bad or not yet (None), and one word for why.

    `patient` where only waiting can tell, as for passers-by by whom two models could be compared.
    """

    good: bool | None
    why: str = ""
    patient: bool = False


class Gate(Protocol):
    """Watches the node while a release is on trial."""

    def begin(self, attempt: Attempt) -> None:
        """Called before the release runs, perhaps again after a crash: remember how well the node was."""

    def judge(self, attempt: Attempt) -> Verdict:
        """Whether the node is as well as before; bad only for what waiting cannot mend."""


@dataclass(slots=True)
class Update:
    """Owned by one process; `boot` names the boot of the machine."""

    offers: Offers
    shelf: Shelf
    releases: Releases
    ledger: Ledger
    gate: Gate
    now: Callable[[], Instant]
    timer: Callable[[], float]
    """Seconds that never run back, whatever becomes of the clock."""
    boot: str
    wish: Callable[[Sequence[str]], None] = lambda _: None
    """Told the names of the chunks that an update needs until it is staged, so that somebody may bring them."""
    trial_s: float = TRIAL_S
    proof_s: float = PROOF_S
    _watched_since: float | None = None

    def __post_init__(self) -> None:
        """A lost ledger does not forget what runs."""
        card = self.releases.card(self.releases.running())
        if card and card.seq > self.ledger.floors().seq:
            self.ledger.raise_to(Floors(seq=card.seq))

    def step(self) -> Attempt:
        """One move; what stands now."""
        attempt = self.ledger.attempt() or Attempt(state=State.IDLE, seq=0, config="", bundle="")
        if attempt.resting or attempt.state is State.FETCHING:
            attempt = self._newer(attempt)
        match attempt.state:
            case State.FETCHING:
                return self._guarded(self._fetch, attempt)
            case State.VERIFIED:
                return self._guarded(self._stage, attempt)
            case State.STAGED:
                return self._try(attempt)
            case State.TRIAL:
                return self._watch(attempt)
        return attempt

    def check(self) -> Attempt:
        """Fetch and judge what is offered as far as nothing that runs is touched."""
        attempt = self.ledger.attempt()
        while attempt is None or attempt.resting or attempt.state is State.FETCHING:
            before, attempt = attempt, self.step()
            if attempt == before:
                break
        return attempt

    def commit(self) -> Attempt:
        """Keep the release on trial, on a person's word."""
        return self._move(self._on_trial(), State.COMMITTED, "by-hand")

    def roll_back(self) -> Attempt:
        """Go back to the release before it, on a person's word."""
        return self._back(self._on_trial(), "by-hand")

    def missing(self, attempt: Attempt) -> list[str]:
        """Names of the chunks that an update still lacks."""
        return [bundle.chunk_name(one) for part in _parts(attempt) for one in wanted(part.chunks, self.shelf)]

    @staticmethod
    def needed(attempt: Attempt) -> list[str]:
        """Names of all chunks of an update."""
        return [*dict.fromkeys(bundle.chunk_name(one) for part in _parts(attempt) for one in part.chunks)]

    def _newer(self, attempt: Attempt) -> Attempt:
        """A newer order; an offer that is not believed is remembered, told once, and changes nothing."""
        content = self.shelf.bundle()
        if content is None or attempt.bundle == (digest := bundle.digest(content)):
            return attempt
        try:
            found = self.offers.judge(content, self.now())
        except NotOurTurn:
            state = State.IDLE if attempt.state is State.FETCHING else attempt.state
            return self._seen(attempt, state=state, bundle=digest, why=_own(attempt))
        except Refused as refused:
            timely = refused.why != "expired"  # by another clock it may be good
            return self._seen(attempt, bundle=digest if timely else "", why=f"{OFFER}{refused.why}")
        if found is None:
            return self._seen(attempt, bundle=digest, why=_own(attempt))
        return self._put(msgspec.structs.replace(found, began=self.now().at))

    def _seen(self, attempt: Attempt, **changed: Any) -> Attempt:
        """Remember what became of an offer, where that is new."""
        seen = msgspec.structs.replace(attempt, **changed)
        return seen if seen == attempt else self._put(seen)

    def _guarded(self, move: Callable[[Attempt], Attempt], attempt: Attempt) -> Attempt:
        """A move that may be refused, or fail for want of disk a few times."""
        try:
            return move(attempt)
        except Loosened as refused:
            return self._refuse(attempt, refused.why, refused.lines[0].thing)
        except Refused as refused:
            return self._refuse(attempt, refused.why)
        except OSError:
            if attempt.tries >= MAX_TRIES:
                return self._refuse(attempt, "disk")
            return self._put(msgspec.structs.replace(attempt, tries=attempt.tries + 1))

    def _fetch(self, attempt: Attempt) -> Attempt:
        self.wish(self.needed(attempt))
        if self.missing(attempt):
            return attempt
        config, consent = self._contents(attempt)["node.yaml"], None
        if attempt.consent:
            part = attempt.consent
            consent = assembled(part.sha256, part.length, part.chunks, self.shelf)
        approve(config, running=self.running(), consent=consent)
        return self._move(attempt, State.VERIFIED)

    def _stage(self, attempt: Attempt) -> Attempt:
        self.releases.prune(self.releases.running(), attempt.release)
        name = self.releases.stage(attempt.seq, self._contents(attempt))
        staged = msgspec.structs.replace(attempt, release=name, before=self.releases.running())
        moved = self._move(staged, State.STAGED, floors=Floors(seq=attempt.seq))
        self.wish(())
        return moved

    def _try(self, attempt: Attempt) -> Attempt:
        self._watched_since = None
        self.gate.begin(attempt)
        until = self.now().at + self.trial_s
        begun = msgspec.structs.replace(attempt, until=until, lasts_s=self.trial_s, boots=(self.boot,))
        trial = self._move(begun, State.TRIAL)
        self.releases.switch(trial.release)
        return trial

    def _watch(self, attempt: Attempt) -> Attempt:
        if self.releases.running() != attempt.release:  # a cut fell between two moves: no second beginning
            return self._back(attempt, "interrupted")
        if self.boot not in attempt.boots:
            # A board without a clock of its own may come back before the trial began: the time counts anew, boots are bounded.
            until = min(attempt.until, self.now().at + attempt.lasts_s)
            attempt = self._put(msgspec.structs.replace(attempt, boots=(*attempt.boots, self.boot), until=until))
        if len(attempt.boots) > MAX_BOOTS:
            return self._back(attempt, "boots")
        if not self._in_time(attempt):
            return self._back(attempt, self._reason(attempt))
        verdict = self.gate.judge(attempt)
        if verdict.good:
            return self._move(attempt, State.COMMITTED)
        if verdict.good is None and not self._is_proof_over(verdict):
            return attempt
        return self._back(attempt, verdict.why)

    def _is_proof_over(self, verdict: Verdict) -> bool:
        """Whether this process has watched for long enough; one that begins after a boot gives the node time anew."""
        if self._watched_since is None or verdict.patient:
            self._watched_since = self.timer()
        return self.timer() - self._watched_since >= self.proof_s

    def _reason(self, attempt: Attempt) -> str:
        """Why a trial did not end in time, if the gate can still say it."""
        try:
            return self.gate.judge(attempt).why or "silence"
        except Exception:
            log.exception("the health gate fails, the release goes back")
            return "gate"

    def _in_time(self, attempt: Attempt) -> bool:
        """A clock that was set back must not make a trial endless."""
        return attempt.until - attempt.lasts_s - 1.0 <= self.now().at < attempt.until

    def _back(self, attempt: Attempt, why: str) -> Attempt:
        if self.releases.running() != attempt.before:
            self.releases.switch(attempt.before)
        return self._move(attempt, State.ROLLED_BACK, why)

    def _refuse(self, attempt: Attempt, why: str, subject: str = "") -> Attempt:
        self.wish(())
        return self._move(msgspec.structs.replace(attempt, subject=subject), State.REFUSED, why)

    def _contents(self, attempt: Attempt) -> dict[str, bytes]:
        return {part.name: assembled(part.sha256, part.length, part.chunks, self.shelf) for part in attempt.files}

    def running(self) -> Config:
        """The configuration that runs; Refused('running') where it cannot be read, so nothing can be compared."""
        try:
            return understood(self.releases.file(self.releases.running()), name="the running node.yaml")
        except (ConfigError, OSError) as error:
            raise Refused("running", f"what runs cannot be read: {error}") from error

    def _on_trial(self) -> Attempt:
        attempt = self.ledger.attempt()
        if attempt is None or attempt.state is not State.TRIAL:
            raise UserError("no release is on trial", hint="piazza ota status says what is")
        return attempt

    def _move(self, attempt: Attempt, state: State, why: str = "", floors: Floors | None = None) -> Attempt:
        return self._put(msgspec.structs.replace(attempt, state=state, why=why, tries=0), floors)

    def _put(self, attempt: Attempt, floors: Floors | None = None) -> Attempt:
        self.ledger.put(attempt, at=self.now().at, floors=floors or Floors())
        return attempt


def _own(attempt: Attempt) -> str:
    """Why the update itself ended, without what was said of an offer since."""
    return "" if attempt.why.startswith(OFFER) else attempt.why


def _parts(attempt: Attempt) -> tuple[Wanted, ...]:
    return (*attempt.files, *((attempt.consent,) if attempt.consent else ()))
