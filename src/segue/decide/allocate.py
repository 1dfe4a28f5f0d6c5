"""Which commands put a rollout's shares and alias in force?

During a rollout every variant is pinned to the version that it had when the rollout became ready, so that no alias move, ours
or anybody's, changes what is served or compared; `docs/decisions/who-serves-while-the-alias-moves.md` has the whole story.
"""

from segue.decide.walk import alive, entered, leader, released, stage_of, version_of, watch_of
from segue.facts.decision import Command, MoveAlias, PublishAllocation, State
from segue.spec.rollout import Rollout
from segue.spec.stage import Ab, Canary, Shadow


def for_stage(spec: Rollout, state: State) -> PublishAllocation:
    """The shares of the stage and step that the state stands in; those of candidates that have left are the champion's.

    A canary's share is divided evenly between the candidates that the stage began with.
    """
    strategy, live = stage_of(spec, state).strategy, alive(spec, state)
    if isinstance(strategy, Shadow):
        return _publish(spec, state, {spec.champion: 1.0}, shadows=dict.fromkeys(live, strategy.sample))
    if isinstance(strategy, Canary):
        step = strategy.steps[state.step]
        shares = _beside(spec, dict.fromkeys(live, step.share / len(entered(spec, state))))
        if step.audience:
            return _publish(spec, state, {spec.champion: 1.0}, audience=step.audience, audience_shares=shares)
        return _publish(spec, state, shares)
    if isinstance(strategy, Ab):
        return _publish(spec, state, _of_ab(spec, state, strategy))
    return _publish(spec, state, _beside(spec, {leader(spec, state): 1.0 - watch_of(spec, state).holdback}))


def champion_only(spec: Rollout, state: State) -> PublishAllocation:
    """Everybody to the champion that the rollout began with, at once: the way back from everywhere."""
    return _publish(spec, state, {spec.champion: 1.0})


def candidate_only(spec: Rollout, state: State) -> PublishAllocation:
    """Everybody to the candidate, by its own name."""
    return _publish(spec, state, _beside(spec, {leader(spec, state): 1.0}))


def at_rest(spec: Rollout, state: State) -> PublishAllocation:
    """Everybody to the champion by its name in the spec: from now on serving follows the alias."""
    return PublishAllocation(id="", rollout=state.rollout, stage="", shares={spec.champion: 1.0}, follow=True)


def alias_forward(spec: Rollout, state: State, why: str) -> MoveAlias:
    """The alias from where it points to the candidate."""
    return MoveAlias(
        id="",
        rollout=state.rollout,
        model=model_of(spec.variants[spec.candidates[0]].version),
        alias=spec.after.registry_alias,
        version=version_of(spec, state, leader(spec, state)),
        expected=state.alias_version,
        why=why,
        keep_previous_as=spec.after.keep_previous_as,
    )


def alias_back(spec: Rollout, state: State, why: str) -> MoveAlias:
    """The alias from the candidate to what it pointed at before."""
    return MoveAlias(
        id="",
        rollout=state.rollout,
        model=model_of(spec.variants[spec.candidates[0]].version),
        alias=spec.after.registry_alias,
        version=state.alias_before,
        expected=version_of(spec, state, leader(spec, state)),
        why=why,
    )


def way_back(spec: Rollout, state: State, why: str, *, alias_is_ours: bool = True) -> tuple[Command, ...]:
    """What ends a rollout without promotion: the champion at once, then the alias, then rest.

    Args:
        spec: names variants and alias.
        state: before the move.
        why: what the alias's history will say.
        alias_is_ours: False where somebody else has moved the alias, which is then left where it is.
    """
    commands: list[Command] = [champion_only(spec, state)]
    if released(state) and alias_is_ours and state.alias_before:
        commands.append(alias_back(spec, state, why))
    return (*commands, at_rest(spec, state))


def fallen_back(spec: Rollout, state: State, before: str, why: str) -> tuple[Command, ...]:
    """What answers a champion that stays unhealthy: the alias to the version before, then rest, as soon as that is served.

    Shares stay as they are until then: whoever has the candidate is not sent to the champion that is ill.
    """
    move = MoveAlias(
        id="",
        rollout=state.rollout,
        model=model_of(spec.variants[spec.candidates[0]].version),
        alias=spec.after.registry_alias,
        version=before,
        expected=state.alias_version,
        why=why,
    )
    return (move, at_rest(spec, state))


def undone(spec: Rollout, state: State, why: str) -> tuple[Command, ...]:
    """What takes a promotion back: the alias, which serving follows; where it does not, the champion's shares first."""
    follows = len(to_the_end(spec, state)) > 1
    before: tuple[Command, ...] = () if follows else (champion_only(spec, state),)
    return (*before, alias_back(spec, state, why), at_rest(spec, state))


def to_the_end(spec: Rollout, state: State) -> tuple[PublishAllocation, ...]:
    """What ends a rollout with promotion: the candidate for everybody, then rest where the champion's name now means it."""
    champion, alias = spec.variants[spec.champion], alias_name(spec)
    follows = champion.version == alias and not champion.url and not spec.variants[leader(spec, state)].url
    return (candidate_only(spec, state), *((at_rest(spec, state),) if follows else ()))


def alias_name(spec: Rollout) -> str:
    """The name under which the registry's alias is served: `models:/churn@champion`."""
    return f"models:/{model_of(spec.variants[spec.candidates[0]].version)}@{spec.after.registry_alias}"


def model_of(name: str) -> str:
    """The model of a version's name.

    >>> model_of("models:/churn/8"), model_of("models:/churn@champion")
    ('churn', 'churn')
    """
    return name.removeprefix("models:/").replace("@", "/").rpartition("/")[0]


def versions_of(spec: Rollout, state: State) -> dict[str, str]:
    """Variant -> the version that it is pinned to in this rollout; empty before the rollout is ready."""
    known = {spec.champion: state.champion_version, **{name: version_of(spec, state, name) for name in spec.candidates}}
    return {name: version for name, version in known.items() if version}


def pinned(spec: Rollout, versions: dict[str, str]) -> dict[str, str]:
    """Each variant's own name with its version in it, for those that a host of ours serves.

    Args:
        spec: names the variants.
        versions: variant -> version number ("7").
    """
    return {
        name: f"models:/{model_of(variant.version)}/{versions[name]}"
        for name, variant in spec.variants.items()
        if not variant.url and versions.get(name)
    }


def _publish(
    spec: Rollout,
    state: State,
    shares: dict[str, float],
    *,
    shadows: dict[str, float] | None = None,
    audience: str = "",
    audience_shares: dict[str, float] | None = None,
) -> PublishAllocation:
    return PublishAllocation(
        id="",
        rollout=state.rollout,
        stage=stage_of(spec, state).name,
        shares=shares,
        shadows=shadows or {},
        audience=audience,
        audience_shares=audience_shares or {},
        versions=pinned(spec, versions_of(spec, state)),
    )


def _of_ab(spec: Rollout, state: State, strategy: Ab) -> dict[str, float]:
    gone = sum(strategy.shares.get(name, 0.0) for name in state.out)
    shares = {name: 0.0 if name in state.out else strategy.shares.get(name, 0.0) for name in spec.variants}
    return shares | {spec.champion: shares[spec.champion] + gone} if gone else shares


def _beside(spec: Rollout, shares: dict[str, float]) -> dict[str, float]:
    rest = 1.0 - sum(shares.values())
    return {spec.champion: max(rest, 0.0), **shares}
