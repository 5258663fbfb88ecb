"""The variables of a prompt: what whoever fills it in has to give."""

import re

_VARIABLE = re.compile(
    r"""
    \{\{\{? [-+]? \s* [#^/&]? \s*       # Jinja: {{ name }}, {{- name -}}; Mustache: {{{name}}}, {{#name}}, {{^name}}...
    (?P<double> [^\W\d]\w* )
    (?= [\s.\[|~}-] ) [^{}]* \}\}
    |
    \{                                  # str.format: {name}, {name.part[0]!r:>8}; string.Template: ${name}
    (?P<single> [^\W\d]\w* )
    (?: \.\w+ | \[\w+\] )*
    (?: ![rsa] )?
    (?: : (?: .?[<>=^] )? [+-]?\#?\d*[,_]? (?: \.\d+ )? [a-zA-Z%]? )?
    \}
    """,
    re.VERBOSE,
)
_TEMPLATE_WORDS = frozenset({"else", "false", "False", "loop", "none", "None", "this", "true", "True"})
"""Words between double braces that Jinja and Handlebars give a meaning of their own."""


def prompt_variables(text: str) -> tuple[str, ...]:
    """Return the names of a prompt's variables, each once, sorted.

    A variable is ``{name}`` as `str.format` reads it (``{name.part}`` and ``{name:>8}`` too), ``${name}`` as
    `string.Template` does, and ``{{ name }}`` as Jinja and Mustache do, where the name that begins the expression
    counts: ``{{ user.name|upper }}`` is ``user``. Other braces, such as those of JSON, are plain text. So are Jinja's
    statements and calls: ``{% if name %}``, ``{{ name() }}``.
    """
    return tuple(
        sorted(
            {
                match["single"] or match["double"]
                for match in _VARIABLE.finditer(text)
                if match["double"] not in _TEMPLATE_WORDS
            }
        )
    )
