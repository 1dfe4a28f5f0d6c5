"""`segue`: every command, and what its end means to the shell.

Exit status: 0 done, 1 usage or other, 2 rolled back, 3 held or needs approval, 4 timeout, 5 not found, 6 denied, 7 conflict.
"""

import sys
from typing import Never

from cyclopts import App, CycloptsError, MissingArgumentError, Parameter, UnusedCliTokensError

import segue
from segue.children.parent import die_with_parent
from segue.cli.output import errors
from segue.errors import InvariantError, SegueError


def _told(default: object) -> str | None:
    """A default as the help tells it; that nothing is set goes without saying.

    >>> [_told(default) for default in ("", (), False, None, 0, "duckdb")]
    [None, None, None, None, '0', 'duckdb']
    """
    return None if default is None or default is False or default in ("", ()) else str(default)


app = App(
    name="segue",
    version=segue.__version__,
    help="Moves production traffic from one ML model version to the next, and only when the evidence says so.",
    help_epilogue="A first walk: `segue demo`. Every write takes --dry-run; data goes to stdout, progress to stderr.",
    help_format="markdown",
    default_parameter=Parameter(show_default=_told),
    result_action="return_value",
)
_COMMANDS = {
    "segue.cli.serving.processes": {
        "up": "Everything on this machine, for one rollout.",
        "host": "Serve model versions, and follow their aliases.",
        "record": "Ship what gateways have recorded to the lake.",
        "monitor": "Measure, weigh, decide, carry out.",
    },
    "segue.cli.serving.api": {"api": "The REST API: look and steer over HTTP."},
    "segue.cli.serving.gateway": {"gateway": "Serve routes: assign, forward, record, answer."},
    "segue.cli.serving.overrides": {
        "kill": "Variants are asked no more on this machine, store or no store.",
        "lift": "End what `kill` began.",
        "killed": "What is killed on this machine.",
    },
    "segue.cli.policy.specs": {
        "lint": "Check a rollout file: every error at once.",
        "plan": "How long it takes, what each gate needs, and what can never be decided.",
        "diff": "What differs between a file and the newest rollout.",
        "apply": "Begin a rollout.",
    },
    "segue.cli.policy.simulations": {"simulate": "What a policy would do, in worlds where the truth is known."},
    "segue.cli.rollouts": {
        "get": "All rollouts.",
        "describe": "One rollout, its gates, and their numbers; or `metrics`, the catalogue.",
        "watch": "Each decision as it is made.",
        "status": "One line, and an exit status for scripts.",
        "promotions": "Which promotions of a period hold up together.",
        "history": "Every decision, oldest first.",
        "explain": "One decision with every number that it used.",
        "replay": "Does the lake still say what a decision said that it did?",
    },
    "segue.cli.acts": {
        "promote": "Approve, or go on without the gates.",
        "pause": "Stay where it is; harm is still watched for.",
        "resume": "Go on after a pause.",
        "abort": "Everybody back to the champion, now.",
        "retry": "Begin anew after a roll-back or a hold.",
        "override": "Take one gate of the stage for passed.",
        "undo": "After a promotion: the alias back to the version before.",
    },
    "segue.cli.policy.assignments": {"assign": "Which variant a unit gets, and why."},
    "segue.cli.doctor": {"doctor": "Is everything there that is needed?"},
    "segue.cli.data.drift": {"drift": "What has moved in the traffic, and whether that could be chance."},
    "segue.cli.data.estimates": {"estimate": "How good a version probably is, while outcomes are not there."},
    "segue.cli.data.days": {"days": "How a version did, day by day and segment by segment."},
    "segue.cli.data.report": {"report": "One page of a rollout, with pictures, for people."},
    "segue.cli.data.skew": {
        "skew": "Values as they were served, beside the offline pipeline's.",
        "segments": "Where candidate and champion differ most.",
    },
    "segue.cli.demo": {"demo": "The main job on real data, from shadow to promotion."},
}
_GROUPS = {
    "segue.cli.serving.processes": "Run",
    "segue.cli.serving.api": "Run",
    "segue.cli.serving.gateway": "Run",
    "segue.cli.policy.specs": "Write",
    "segue.cli.policy.simulations": "Write",
    "segue.cli.serving.overrides": "Steer",
    "segue.cli.rollouts": "Look",
    "segue.cli.data.drift": "Look",
    "segue.cli.data.estimates": "Look",
    "segue.cli.data.days": "Look",
    "segue.cli.data.skew": "Look",
    "segue.cli.data.report": "Look",
    "segue.cli.acts": "Steer",
}

for _module, _names in _COMMANDS.items():
    for _name, _help in _names.items():
        # Imported when called, so that `segue --help` answers at once.
        app.command(f"{_module}:{_name}", name=_name, help=_help, group=_GROUPS.get(_module, "More"))
app.command("segue.cli.serving.keys:app", name="key", help="Who may ask the routes that ask for keys.", group="Write")
app.command("segue.cli.serving.api:app", name="token", help="Who may ask the API.", group="Write")
app.command("segue.cli.models:app", name="model", help="Versions and aliases in the registry.", group="Write")
app.command("segue.cli.data.outcomes:app", name="outcomes", help="What came true, from a file.", group="Write")
app.command("segue.cli.data.lake:app", name="lake", help="Put the small files of the lake together.", group="Write")
app.command("segue.cli.data.audit:app", name="audit", help="Who did what, and is the record whole?", group="Look")
app.register_install_completion_command()


def tell_whole(name: str) -> None:
    """Let a command's own help say all that its docstring says; the list of commands has a line of each."""
    if any(name in names for names in _COMMANDS.values()):
        app[name].help = None


def main(arguments: list[str] | None = None) -> Never:
    """Run one command, and end with its status."""
    die_with_parent()
    words = _standing_in(sys.argv[1:] if arguments is None else arguments)
    if words and not {"--help", "-h"}.isdisjoint(words):
        tell_whole(words[0])
    try:
        status = app(words, exit_on_error=False, print_error=False, verbose=False)
    except CycloptsError as error:
        errors.print(f"error: {_misused(error)}", style="red", markup=False)
        errors.print(f"  hint: {' '.join(['segue', *(error.command_chain or ())])} --help", markup=False)
        sys.exit(1)
    except SegueError as error:
        errors.print(f"error: {error}", style="red", markup=False)
        if isinstance(error, InvariantError):
            errors.print("this is a bug of Segue; nothing was moved", markup=False)
        sys.exit(error.status)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has left; there is nobody to tell
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(status if isinstance(status, int) else 0)


def _standing_in(words: list[str]) -> list[str]:
    """`-f -` as people write it for the standard input; the parser takes the lone dash for an option otherwise.

    >>> _standing_in(["apply", "-f", "-", "--dry-run"])
    ['apply', '-f=-', '--dry-run']
    """
    found: list[str] = []
    for word in words:
        if word == "-" and found and found[-1] in {"-f", "--file"}:
            found[-1] += "=-"
        else:
            found.append(word)
    return found


def _misused(error: CycloptsError) -> str:
    """What is wrong with the words of a command line; the parser's own says of a missing option that it lacks a value."""
    argument = error.argument
    if isinstance(error, MissingArgumentError) and argument is not None and not argument.tokens and error.keyword is None:
        name = argument.name
        return f"{name.lstrip('-').upper() if argument.index is not None else name} is missing"
    if isinstance(error, UnusedCliTokensError):
        return f"there is no place for {' '.join(error.unused_tokens or ())}"
    said = " ".join(str(error).split()).partition(" Available commands:")[0].rstrip(".")
    return f"{said[:1].lower()}{said[1:]}"
