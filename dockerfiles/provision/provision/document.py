"""The file that says how things are to be."""

import re
from urllib.parse import unquote

import yaml


class Problem(Exception):
    """Something for people to mend; its text says where."""


class _Strict(yaml.SafeLoader):
    """YAML, but a name that stands twice in a table is no matter of chance."""


def _table(loader, node, deep=False):
    found = {}
    for name_node, value_node in node.value:
        name = loader.construct_object(name_node, deep=True)
        if name in found:
            line = name_node.start_mark.line + 1
            raise Problem(f"line {line}: {name} stands here for the second time")
        found[name] = loader.construct_object(value_node, deep=True)
    return found


# `on`, `off`, `yes` and `no` are texts, as in YAML 1.2: one of them is a name in databases.yaml.
_BOOL = "tag:yaml.org,2002:bool"
_Strict.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _BOOL]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Strict.add_implicit_resolver(_BOOL, re.compile("^(?:true|false)$"), list("tf"))
_Strict.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _table)


def read(path):
    """The document in the file, as a Table."""
    try:
        with open(path, encoding="utf-8") as file:
            content = yaml.load(file, _Strict)
    except OSError as error:
        raise Problem(f"{path}: {error.strerror}") from None
    except yaml.MarkedYAMLError as error:
        # The error's own text would show the line, and a secret with it.
        mark = error.problem_mark
        where = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        raise Problem(f"{path}{where}: {error.problem}") from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise Problem(f"{path}: this is no YAML in UTF-8") from None
    except Problem as problem:
        raise Problem(f"{path}: {problem}") from None
    return Table(path, content)


class Table:
    """A table of the document, which knows its place and refuses what nobody has asked for."""

    def __init__(self, place, content):
        self.place = place
        if content is None:
            content = {}
        if not isinstance(content, dict):
            raise Problem(f"{place}: there has to be a table of names here")
        self.content = content
        self.asked = set()

    def _get(self, name, default):
        self.asked.add(name)
        value = self.content.get(name)
        if value is None:
            value = default
        if value is REQUIRED:
            raise Problem(f"{self.place}: {name} is missing")
        return value

    def text(self, name, default=None):
        """A text or a number, as a text."""
        value = self._get(name, default)
        if value is not None and (isinstance(value, bool) or not isinstance(value, (str, int))):
            raise Problem(f"{self.place}: {name} has to be a text; put it in quotes")
        return value if value is None else str(value)

    def password(self, name):
        """A percent-encoded text, decoded."""
        value = unquote(self.text(name, REQUIRED), errors="strict")
        if not value:
            raise Problem(f"{self.place}: {name} is empty")
        return value

    def flag(self, name, default):
        value = self._get(name, default)
        if not isinstance(value, bool):
            raise Problem(f"{self.place}: {name} has to be true or false")
        return value

    def texts(self, name):
        """A list of texts."""
        values = self._get(name, [])
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise Problem(f"{self.place}: {name} has to be a list of texts")
        return values

    def table(self, name):
        return Table(f"{self.place}: {name}", self._get(name, {}))

    def tables(self, name):
        """The tables of a table, by their names."""
        inner = self.table(name)
        return {str(key): Table(f"{inner.place}: {key}", value) for key, value in inner.content.items()}

    def list(self, name):
        """A list of tables."""
        values = self._get(name, [])
        if not isinstance(values, list):
            raise Problem(f"{self.place}: {name} has to be a list")
        return [Table(f"{self.place}: {name}[{n}]", value) for n, value in enumerate(values)]

    def end(self):
        """Refuses the names that nobody has asked for."""
        for name in self.content:
            if name not in self.asked:
                known = ", ".join(sorted(self.asked))
                raise Problem(f"{self.place}: there is no {name} here; there is {known}")


REQUIRED = object()
