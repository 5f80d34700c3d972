"""A run on its way into its target: look, make a candidate, ask the gate, move, or say why not.

Moves nothing before every question is answered, and begins again when somebody was quicker.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from reconciler.core.promotion import customs, decide
from reconciler.model.problems import ConflictError, NovaorchError, RefusedError
from reconciler.model.promotion import (
    Ask,
    Candidate,
    Decision,
    Facts,
    KnownRun,
    Move,
    Proof,
    Sentence,
    Settled,
)
from reconciler.model.training import Verdict
from reconciler.model.unit import Training
from reconciler.ports.promotion import Bench, Prover, Yard

TRIES = 5


@dataclass(slots=True)
class Promotions:
    """Promotes and rejects runs. `say` hears what goes on; `now` is the hour."""

    yard: Yard
    prover: Prover
    bench: Bench
    now: Callable[[], float]
    say: Callable[[str], None]

    def promote(self, ask: Ask, rules: Training) -> Settled:
        """Bring a run into its target. RefusedError: a guard or the gate says no.

        With clashes, nothing was moved. The same words again end the same way.
        """
        proved: dict[str, Proof] = {}
        for _ in range(TRIES):
            try:
                return self._tried(ask, rules, proved)
            except ConflictError as error:
                self.say(f"{error.what}: once more")
                last = error
        raise NovaorchError(
            f"{ask.name} could not be promoted in {TRIES} tries",
            why=last.what,
            fix="run the same command again when its target is quieter",
        )

    def reject(self, ask: Ask, why: str) -> Settled:
        """Archive a run as rejected; nothing of it is lost."""
        known = self.yard.facts(self._known(ask), "", publish=False).known
        if known.run.verdict is not Verdict.OPEN:
            return Settled(known, Move.NOTHING, notes=(f"{known.name} is {known.state} already",))
        sentence = Sentence(known, Verdict.REJECTED, ask.by, self.now(), why)
        archive, stays = self.yard.archive(sentence)
        return Settled(known, Move.ARCHIVE, archive=archive, branch_stays=stays)

    # -- inside ----------------------------------------------------------------------------------

    def _tried(self, ask: Ask, rules: Training, proved: dict[str, Proof]) -> Settled:
        facts, decision = self._decided(ask, ask.policy or rules.merge)
        known = facts.known
        if decision.move is Move.NOTHING:
            return Settled(known, Move.NOTHING, known.run.result, notes=decision.notes)
        if decision.move is Move.ARCHIVE:
            return self._written_down(facts, decision, ask)
        made = self.yard.make(facts, decision.move, ask.by)
        if not isinstance(made, Candidate):
            self.yard.clash(facts, made)
            return Settled(known, Move.REFUSE, clashes=made, notes=decision.notes)
        held = self.yard.brings(known, (made, decision.move), rules)
        _must(customs(known, held, ask.allow) or decision)
        if not ask.publish:
            facts = replace(facts, checkouts=self.yard.checkouts(facts, made))
            _must(decide(facts))
        proof = self._proved(facts, made, ask, proved)
        if ask.publish:
            name = self.yard.publish(facts, made)
            return Settled(
                known,
                decision.move,
                made.commit,
                made.onto,
                proof=proof,
                pushed_as=name,
                notes=decision.notes,
            )
        sentence = self._sentence(facts, ask, made, proof)
        sentence = replace(sentence, allowed=tuple(one.path for one in held))
        archive, stays = self.yard.take(sentence, made)
        return Settled(
            known,
            decision.move,
            made.commit,
            made.onto,
            archive,
            proof=proof,
            notes=decision.notes,
            branch_stays=stays,
        )

    def _decided(self, ask: Ask, policy: str) -> tuple[Facts, Decision]:
        """Look and decide; what the agent left unsaved is saved first, once."""
        facts = self._facts(ask, policy)
        decision = _must(decide(facts))
        if not decision.record:
            return facts, decision
        self.say(f"saving what {facts.known.name} has unsaved")
        why = self.bench.record(facts.known)
        notes = (f"not everything could be saved: {why}",) if why else ()
        facts = replace(self._facts(ask, policy), unsaved=0)
        decision = _must(decide(facts))
        return facts, replace(decision, notes=(*decision.notes, *notes))

    def _facts(self, ask: Ask, policy: str) -> Facts:
        known = self._known(ask)
        facts = self.yard.facts(known, policy, publish=ask.publish)
        if known.run.verdict is not Verdict.OPEN:
            return facts
        unsaved, busy = self.bench.unsaved(known)
        return replace(facts, unsaved=unsaved, busy=busy)

    def _known(self, ask: Ask) -> KnownRun:
        known = self.yard.run(ask.name)
        if known is None:
            raise NovaorchError(
                f"there is no run {ask.name}", fix="see them: novaorch training list --all"
            )
        return replace(known, target=ask.target) if ask.target else known

    def _proved(self, facts: Facts, made: Candidate, ask: Ask, proved: dict[str, Proof]) -> Proof:
        """Ask the gate about these very files, unless it was asked about them already."""
        if ask.skip_gate:
            return Proof(skipped=ask.skip_gate)
        if made.tree not in proved:
            proved[made.tree] = self.prover.prove(facts, made)
        proof = proved[made.tree]
        if not proof.ok:
            raise RefusedError(
                f"the gate does not let {facts.known.name} through: {_words(proof.failed)}",
                why=f"{proof.why}; nothing was moved",
                fix="let the agent mend it: what the command said last is above",
            )
        return proof

    def _written_down(self, facts: Facts, decision: Decision, ask: Ask) -> Settled:
        """Archive what people merged as theirs."""
        known = facts.known
        sentence = Sentence(
            known,
            Verdict.PROMOTED,
            facts.landed_by or ask.by,
            self.now(),
            "merged by people",
            result=facts.contained,
        )
        archive, stays = self.yard.archive(sentence)
        return Settled(
            known,
            Move.ARCHIVE,
            facts.contained,
            archive=archive,
            notes=decision.notes,
            branch_stays=stays,
        )

    def _sentence(self, facts: Facts, ask: Ask, made: Candidate, proof: Proof) -> Sentence:
        return Sentence(
            facts.known,
            Verdict.PROMOTED,
            ask.by,
            self.now(),
            result=made.commit,
            before=made.onto,
            policy=facts.policy,
            proof=proof,
        )


def _must(decision: Decision) -> Decision:
    if decision.move is Move.REFUSE:
        raise RefusedError(decision.what, why=decision.why, fix=decision.fix)
    return decision


def _words(argv: tuple[str, ...]) -> str:
    return " ".join(argv)
