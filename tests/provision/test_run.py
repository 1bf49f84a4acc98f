"""The command line: its exit codes, and for whom it waits."""

import contextlib
import io
import sys
import unittest
from unittest import mock

from provision import run
from provision.document import Problem
from provision.run import NotYet


class Once(unittest.TestCase):
    def ends(self, *answers, arguments=()):
        """Runs it with a `reconcile` that does these one after the other; its exit code and lines."""
        output = io.StringIO()
        reconcile = mock.Mock(side_effect=answers)
        with (
            mock.patch.object(sys, "argv", ["program", "FILE", *arguments]),
            mock.patch.object(run.time, "sleep") as slept,
            contextlib.redirect_stdout(output), contextlib.redirect_stderr(output),
            self.assertRaises(SystemExit) as ended,
        ):
            run.main("program", "it", reconcile)
        self.slept = [call.args[0] for call in slept.call_args_list]
        return ended.exception.code, output.getvalue().splitlines()

    def test_done(self):
        self.assertEqual(self.ends(0), (0, ["nothing to do"]))
        self.assertEqual(self.ends(3), (0, ["3 changes"]))

    def test_a_mistake_is_not_tried_again(self):
        self.assertEqual(self.ends(Problem("x is missing")), (65, ["error: x is missing"]))

    def test_who_is_not_there_is_waited_for_and_named_once(self):
        code, said = self.ends(NotYet("no answer"), NotYet("no answer"), NotYet("denied"), 1)
        self.assertEqual((code, said), (0, ["waiting: no answer", "waiting: denied", "1 changes"]))
        self.assertEqual(self.slept, sorted(self.slept))

    def test_but_not_for_ever(self):
        code, said = self.ends(NotYet("no answer"), arguments=["--timeout", "0s"])
        self.assertEqual((code, said), (75, ["error: given up: no answer"]))

    def test_wrong_usage(self):
        for arguments in ["--timeout", "soon"], ["--nothing"]:
            self.assertEqual(self.ends(arguments=arguments)[0], 64, arguments)

    def test_times(self):
        self.assertEqual([run.seconds(text) for text in ("90s", "5m", "1h")], [90, 300, 3600])


class AgainAndAgain(unittest.TestCase):
    def test_a_mistake_is_said_once_and_each_change(self):
        class Enough(Exception):
            pass

        output = io.StringIO()
        answers = [0, Problem("no"), Problem("no"), 2, 2, NotYet("gone"), Enough()]
        with (
            mock.patch.object(run.time, "sleep") as slept, contextlib.redirect_stdout(output),
            self.assertRaises(Enough),
        ):
            arguments = mock.Mock(file="FILE", every=7)
            run._again_and_again(arguments, mock.Mock(side_effect=answers))
        self.assertEqual(output.getvalue().splitlines(),
                         ["error: no", "2 changes", "2 changes", "error: gone"])
        self.assertEqual({call.args[0] for call in slept.call_args_list}, {7})


if __name__ == "__main__":
    unittest.main()
