"""Completion in bash, which splits words at ``:`` and ``@``, where our references have them."""

import os

from click.shell_completion import BashComplete as ClickBashComplete
from click.shell_completion import CompletionItem, split_arg_string


class BashComplete(ClickBashComplete):
    """Splits the line as the shell's parser does, and answers with what follows the last break of the word."""

    source_template = """\
%(complete_func)s() {
    local IFS=$'\\n' type value
    COMPREPLY=()
    while IFS=',' read -r type value; do
        case $type in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain) COMPREPLY+=("$value") ;;
        esac
    done < <(COMP_LINE="$COMP_LINE" COMP_POINT="$COMP_POINT" COMP_WORD="$2" \\
        %(complete_var)s=bash_complete "$1" 2> /dev/null)
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""

    def source(self) -> str:
        """Return the script; unlike click's, without starting bash to ask for its version."""
        return self.source_template % self.source_vars()

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the cursor, and the one that it is in."""
        line = os.environ["COMP_LINE"].encode()[: int(os.environ["COMP_POINT"])].decode(errors="ignore")
        words = split_arg_string(line)[1:]
        if not words or line[-1].isspace():
            words.append("")
        *before, self._word = words
        return before, self._word

    def format_completion(self, item: CompletionItem) -> str:
        """Leave out what the shell takes for words before the one that it completes."""
        before = self._word.removesuffix(os.environ.get("COMP_WORD", ""))
        return f"{item.type},{str(item.value).removeprefix(before)}"
