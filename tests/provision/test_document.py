"""The file that says how things are to be: what is understood, and how mistakes are told."""

import tempfile
import unittest
from pathlib import Path

from provision import document
from provision.document import REQUIRED, Problem


def written(text):
    """The path of a file with this text."""
    file = tempfile.NamedTemporaryFile("w", suffix=".yaml", delete=False)
    with file:
        file.write(text)
    unittest.addModuleCleanup(Path(file.name).unlink)
    return file.name


class Reading(unittest.TestCase):
    def problem(self, text, ask=lambda table: None):
        with self.assertRaises(Problem) as caught:
            ask(document.read(written(text)))
        return str(caught.exception)

    def test_words_of_old_yaml_are_texts(self):
        table = document.read(written("on: yes\noff: no\nreal: true\n"))
        self.assertEqual((table.text("on"), table.text("off")), ("yes", "no"))
        self.assertTrue(table.flag("real", False))

    def test_numbers_are_texts_and_flags_are_not(self):
        self.assertEqual(document.read(written("port: 3306")).text("port"), "3306")
        said = self.problem("port: true", lambda table: table.text("port"))
        self.assertIn("port has to be a text", said)

    def test_a_password_is_percent_encoded(self):
        table = document.read(written('password: "a%2Fb%25%22"'))
        self.assertEqual(table.password("password"), 'a/b%"')
        self.assertIn("is empty", self.problem('password: ""', lambda table: table.password("password")))

    def test_a_name_twice_is_refused_with_its_line(self):
        self.assertIn("line 3: a stands here for the second time", self.problem("a: 1\nb: 2\na: 3\n"))

    def test_no_yaml_is_told_by_its_place_and_never_by_its_text(self):
        said = self.problem('user: x\npassword: "geheim\n')
        self.assertRegex(said, r"\.yaml:\d+:\d+: ")
        self.assertNotIn("geheim", said)

    def test_what_nobody_asks_for_is_refused_with_its_place(self):
        def ask(table):
            inner = table.table("users").table("x")
            inner.text("password")
            inner.end()

        said = self.problem("users: {x: {passwort: p}}", ask)
        self.assertIn("users: x: there is no passwort here; there is password", said)

    def test_what_lacks_and_what_has_another_form(self):
        self.assertIn("host is missing", self.problem("{}", lambda table: table.text("host", REQUIRED)))
        for text, ask in [
            ("a: text", lambda table: table.table("a")),
            ("a: text", lambda table: table.texts("a")),
            ("a: [1]", lambda table: table.texts("a")),
            ("a: {}", lambda table: table.list("a")),
            ("[1]", lambda table: None),
        ]:
            with self.subTest(text):
                self.problem(text, ask)

    def test_a_file_that_is_not_there(self):
        with self.assertRaises(Problem) as caught:
            document.read("/nowhere/at-all.yaml")
        self.assertIn("/nowhere/at-all.yaml: No such file", str(caught.exception))


if __name__ == "__main__":
    unittest.main()
