"""What may follow on the command line: the words a shell offers when Tab is pressed."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from podium.run.conf import ROOTS, groups
from podium.run.errors import ConfigError

# Both scripts ask for the words that fit the line up to the cursor, and add the space behind a whole one. bash splits
# words at "=" outside quotes, so there only what follows the last one may be offered, and it closes quotes itself.
_BASH = """\
_podium() {
    local line="${COMP_LINE:0:$COMP_POINT}" word typed="" space=" " found
    word="${line##* }"
    case $word in
        [\\"\\']*) space="" ;;
        *=*) typed="${word%"${word##*=}"}" ;;
    esac
    COMPREPLY=()
    while IFS= read -r found; do
        [[ $found == *[=.,] || $found =~ \\[[^]]*$ ]] || found+="$space"
        COMPREPLY+=("${found#"$typed"}")
    done < <("${1/#\\~/$HOME}" complete "$line" 2>/dev/null)
}
complete -o default -o nospace -F _podium podium
"""
_ZSH = """\
#compdef podium
_podium() {
    local -a found open
    found=(${(f)"$(${~words[1]} complete "${(j: :)words[1,CURRENT-1]} $PREFIX" 2>/dev/null)"})
    (( $#found )) || { _files; return }
    open=(${(M)found:#(*[=.,]|*\\[[^]]#)})
    found=(${found:|open})
    compadd -S '' -a open
    compadd -a found
}
compdef _podium podium
alias podium="noglob podium"
"""
SCRIPTS = {"bash": _BASH, "zsh": _ZSH}


@dataclass(frozen=True)
class CommandWords:
    """What one command takes: the roots whose groups and keys may be overridden, and its other words."""

    roots: tuple[str, ...]
    words: tuple[str, ...]


def complete(line: str, commands: Mapping[str, CommandWords]) -> list[str]:
    """Whole words that may stand where the line ends; empty when there is nothing to offer."""
    before, word = line.split()[1:], ""
    if not line.endswith(" "):
        word = before.pop() if before else ""
    word = _plain(word)
    if not before:
        return _starting(word, commands)
    if before[0] not in commands:
        return []
    command = commands[before[0]]
    if word.startswith("-") or not command.roots:
        return _starting(word, command.words)
    if "=" in word:
        return _options(word, command.roots)
    return _keys([_plain(text) for text in before[1:]], word, command.roots)


def _plain(word: str) -> str:
    """A word without the quotes and backslashes that the shell takes away."""
    return re.sub(r"[\"'\\]", "", word)


def _starting(word: str, known: Sequence[str] | Mapping[str, object]) -> list[str]:
    return [name for name in known if name.startswith(word)]


def _options(word: str, roots: Sequence[str]) -> list[str]:
    """Files of a group; in a list, such as tricks=[a,b, the files after the last comma that are not in it yet."""
    group, _, typed = word.partition("=")
    if group not in [name for root in roots for name in ROOTS[root]]:
        return []
    if group == "tricks" and not typed:
        typed = "["
    cut = max(typed.rfind(separator) for separator in "[(,") + 1
    head, last = typed[:cut], typed[cut:]
    chosen = head.strip("[(").split(",")
    files = [file for file in groups()[group] if file not in chosen and file.startswith(last.rstrip("]"))]
    if head.startswith("[") and files and (len(files) == 1 or last in files):
        files = [end for end in (f"{files[0]}]", f"{files[0]},") if end.startswith(last)] + files[1:]
    return [f"{group}={head}{file}" for file in files]


def _keys(overrides: Sequence[str], word: str, roots: Sequence[str]) -> list[str]:
    """The next name of a dotted key, of the configuration that the words before choose: name= a value, name. a block."""
    block, dot, _ = word.rpartition(".")
    found: dict[str, None] = {}
    for root in roots:
        found |= dict.fromkeys(f"{group}=" for group in ROOTS[root] if not dot)
        if word:
            found |= dict.fromkeys(_below(block, overrides, root))
    return _starting(word, found)


def _below(block: str, overrides: Sequence[str], root: str) -> list[str]:
    from podium.run.assemble import compose, compose_seeds

    chosen = [text for text in overrides if _chooses(text, root)]
    try:
        config = compose_seeds(chosen, seeds=None)[0] if root == "train" else compose(chosen, root=root)
    except ConfigError:
        return []
    found: object = config
    for name in block.split(".") if block else []:
        found = found.get(name) if isinstance(found, Mapping) else None
    if not isinstance(found, Mapping):
        return []
    prefix = f"{block}." if block else ""
    return [
        f"{prefix}{key}{'.' if isinstance(value, Mapping) and value else '='}"
        for key, value in found.items()
        if not str(key).startswith("_")
    ]


def _chooses(text: str, root: str) -> bool:
    """Whether an override chooses files that are there, which alone decides what keys there are."""
    group, equals, value = text.partition("=")
    if not equals or group not in ROOTS[root]:
        return False
    return set(value.strip("[]").split(",")) <= {*groups()[group], ""} and ("," not in value or "[" in value)
