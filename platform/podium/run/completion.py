"""What may follow on the command line: the words a shell offers when Tab is pressed."""

from podium.run.conf import RUN_GROUPS, SWEEP_GROUPS, groups
from podium.run.errors import ConfigError

COMMANDS = (
    "train",
    "evaluate",
    "summary",
    "sweep",
    "leaderboard",
    "reproduce",
    "verify",
    "sync",
    "ui",
    "completion",
)
_GROUPS = {
    "train": RUN_GROUPS,
    "summary": RUN_GROUPS,
    "sweep": RUN_GROUPS + SWEEP_GROUPS,
    "leaderboard": ("board",),
}
_BASH = """\
_podium() {
    local line="${COMP_LINE:0:$COMP_POINT}" word IFS=$'\\n'
    word="${line##* }"
    COMPREPLY=($(podium complete "$line" 2>/dev/null))
    # bash splits words at "=", so only what follows the last one may be offered
    [[ $word == *=* ]] && COMPREPLY=("${COMPREPLY[@]#"${word%"${word##*=}"}"}")
    [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} != *[=.] ]] || compopt -o nospace
}
complete -F _podium podium
"""
_ZSH = """\
_podium() {
    local -a found
    found=("${(@f)$(podium complete "${BUFFER[1,CURSOR]}" 2>/dev/null)}")
    compadd -S '' -- $found
}
compdef _podium podium
"""
SCRIPTS = {"bash": _BASH, "zsh": _ZSH}


def complete(line: str) -> list[str]:
    """Whole words that may stand where the line ends; empty when there is nothing to offer."""
    words = line.split(" ")
    before, word = words[1:-1], words[-1]
    if not before:
        return [command for command in COMMANDS if command.startswith(word)]
    command = before[0]
    if command not in _GROUPS:
        return []
    if "=" in word:
        return _options(word, groups())
    names = [f"{name}=" for name in _GROUPS[command] if name.startswith(word)]
    return names + (_keys(before[1:], word) if command in ("train", "summary", "sweep") and word else [])


def _options(word: str, choices: dict[str, list[str]]) -> list[str]:
    """Files of a group; in a list, tricks=[a,b, the files after the last comma."""
    group, _, typed = word.partition("=")
    head, last = "", typed
    for separator in ("[", ","):
        if separator in last:
            cut = last.rindex(separator) + 1
            head, last = head + last[:cut], last[cut:]
    return [f"{group}={head}{option}" for option in choices.get(group, []) if option.startswith(last)]


def _keys(overrides: list[str], word: str) -> list[str]:
    """Dotted keys of the configuration that the words before choose."""
    from podium.run.assemble import compose, keys

    try:
        config = compose([o for o in overrides if "=" in o and "(" not in o and not o.startswith("-")])
    except ConfigError:
        return []
    return [f"{key}=" for key in keys(config) if key.startswith(word) and not key.endswith("_")]
