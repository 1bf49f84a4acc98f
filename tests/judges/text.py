"""Says what a program reads from a file that is set as a whole.

Reads one JSON object per line on stdin, {"name": NAME, "text": TEXT}, and answers each with one on
stdout: {"values": VALUES} or {"error": MESSAGE}. Who reads the file goes by its name:

- *.py: Python. VALUES are the names that it assigns literals to, in their order.
- policy.yaml: oslo.policy; other *.yaml: PyYAML, its Python and its C reader, as services use it.
- *.json, *.toml: Python's own readers.
"""

import ast
import json
import sys
import tomllib

import yaml
from oslo_policy import policy


def python(text):
    values = {}
    for statement in ast.parse(text.encode()).body:
        if isinstance(statement, ast.Assign):
            (target,) = statement.targets
            values[target.id] = ast.literal_eval(statement.value)
    return values


def yaml_of_both(text):
    slow = yaml.load(text, Loader=yaml.SafeLoader)
    fast = yaml.load(text, Loader=yaml.CSafeLoader)
    if slow != fast:
        raise ValueError("PyYAML's two readers differ")
    return slow


def read(name, text):
    if name.endswith(".py"):
        return python(text)
    if name == "policy.yaml":
        return policy.parse_file_contents(text)
    if name.endswith(".yaml"):
        return yaml_of_both(text)
    if name.endswith(".json"):
        return json.loads(text)
    return tomllib.loads(text)


def main():
    # JSON is UTF-8, whatever the locale says.
    stdin = open(sys.stdin.fileno(), encoding="utf-8", newline="\n", closefd=False)
    for line in stdin:
        request = json.loads(line)
        try:
            answer = {"values": read(request["name"], request["text"])}
        except (SyntaxError, ValueError, yaml.YAMLError) as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        # Keys of YAML may be anything, and of JSON are texts.
        print(json.dumps(answer, default=str), flush=True)


if __name__ == "__main__":
    main()
