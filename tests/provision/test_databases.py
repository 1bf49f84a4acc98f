"""Databases and accounts: what is done to which server, and what is left alone."""

import contextlib
import io
import json
import re
import unittest
from unittest import mock

import pymysql
from pymysql.constants import ER

from provision import databases
from provision.databases import PLUGIN, Server, Wanted, as_pattern, digest
from provision.document import Problem
from provision.run import NotYet
from test_document import written

FILE = """
server: {host: mariadb, password: "root"}
previous_passwords: 1h
users:
  nova: {password: "%s", databases: [nova, nova_api]}
  backup: {password: b, host: "10.%%", grants: [{on: "*.*", privileges: [PROCESS, RELOAD]}]}
"""


class MariaDB(Server):
    """The statements of `Server`, on a server of a few tables. Whoever asks in other words fails."""

    def __init__(self):  # no connection
        self.changes, self.now, self.statements = 0, 1000, []
        self.databases, self.accounts, self.granted = {}, {}, {}
        self.close = lambda: None

    def told(self, path):
        """Reconciles; the lines that it says."""
        def connected(_, previous_passwords):
            self.changes, self.previous_passwords = 0, previous_passwords
            return self

        output = io.StringIO()
        with mock.patch.object(databases, "Server", connected), contextlib.redirect_stdout(output):
            changes = databases.reconcile(path)
        lines = output.getvalue().splitlines()
        assert changes == len(lines), lines
        return lines

    def logins(self, user, host="%"):
        return self.digests(user, host)[0]

    def rows(self, statement, *arguments):
        self.statements.append(statement)
        for pattern, answer in [
            (r"SELECT DEFAULT_CHARACTER_SET_NAME.* SCHEMA_NAME = %s$", self.of_database),
            (r"(?:CREATE DATABASE IF NOT EXISTS|ALTER DATABASE) `(.+)` CHARACTER SET %s COLLATE %s$",
             self.set_database),
            (r"SELECT Priv FROM mysql.global_priv WHERE User = %s AND Host = %s$", self.of_account),
            (r"(CREATE USER IF NOT EXISTS|ALTER USER) %s@%s IDENTIFIED VIA (.+)$", self.set_account),
            (r"SELECT UNIX_TIMESTAMP\(\)$", lambda: [(self.now,)]),
            (r"SHOW GRANTS FOR %s@%s$", self.of_grants),
            (r"GRANT (.+) ON (.+) TO `(.+)`@`(.+)`$", self.set_grant),
        ]:
            found = re.match(pattern, statement)
            if found:
                return answer(*found.groups(), *arguments)
        raise AssertionError(f"unknown: {statement}")

    def of_database(self, name):
        return [self.databases[name]] if name in self.databases else []

    def set_database(self, name, character_set, collation):
        self.databases[name] = (character_set, collation)

    def of_account(self, user, host):
        found = self.accounts.get((user, host))
        return [(json.dumps(found),)] if found else []

    def set_account(self, statement, ways, user, host, *texts):
        if statement.startswith("CREATE") and (user, host) in self.accounts:
            return
        assert ways.count("%s") == len(texts) and ways.count(PLUGIN) == len(texts), ways
        ways = [{"plugin": PLUGIN, "authentication_string": text} for text in texts]
        # As MariaDB does it: the first is beside the list, where an empty object stands for it.
        account = {**ways[0], "password_last_changed": self.now}
        if len(ways) > 1:
            account["auth_or"] = [{}, *ways[1:]]
        self.accounts[user, host] = account

    def of_grants(self, user, host):
        return [(text,) for text in self.granted.get((user, host), ())]

    def set_grant(self, privileges, on, user, host):
        if privileges == "PROCESS, RELOAD":  # the server has an order of its own
            privileges = "RELOAD, PROCESS"
        statement = f"GRANT {privileges} ON {on} TO `{user}`@`{host}`"
        self.granted.setdefault((user, host), set()).add(statement)


class Words(unittest.TestCase):
    def test_what_the_server_keeps_of_a_password(self):
        # The one that MariaDB's documentation of PASSWORD() has.
        self.assertEqual(digest("notagoodpwd"), "*3A70EE9FC6594F88CE9E959CD51C5A1C002DC937")

    def test_a_grant_is_for_one_database(self):
        self.assertEqual(as_pattern("nova_api"), "`nova\\_api`")
        self.assertEqual(as_pattern("a`%\\"), "`a``\\%\\\\`")


class Reconciling(unittest.TestCase):
    def setUp(self):
        self.server = MariaDB()
        self.path = written(FILE % "one")

    def test_all_is_made_and_then_nothing_is_to_do(self):
        said = self.server.told(self.path)
        self.assertEqual(said, [
            "database nova: made", "database nova_api: made",
            "user nova: made", "user nova: all privileges on nova", "user nova: all privileges on nova_api",
            "user backup: made", "user backup: process, reload on *.*",
        ])
        self.assertEqual(self.server.databases["nova"], ("utf8mb3", "utf8mb3_general_ci"))
        self.assertEqual(self.server.logins("nova"), [digest("one")])
        self.server.statements.clear()
        self.assertEqual(self.server.told(self.path), [])
        # What the server spells otherwise is granted again, which changes nothing.
        changes = [text for text in self.server.statements if not re.match("SELECT|SHOW", text)]
        self.assertEqual(changes, ["GRANT PROCESS, RELOAD ON *.* TO `backup`@`10.%`"])

    def test_what_the_file_does_not_name_stays(self):
        self.server.databases["other"] = ("latin1", "latin1_bin")
        self.server.told(self.path)
        self.server.granted["nova", "%"].add("GRANT USAGE ON *.* TO `nova`@`%`")
        self.assertEqual(self.server.told(self.path), [])
        self.assertEqual(self.server.databases["other"], ("latin1", "latin1_bin"))

    def test_a_character_set_is_put_right(self):
        self.server.told(self.path)
        self.server.databases["nova"] = ("latin1", "latin1_bin")
        self.assertEqual(self.server.told(self.path),
                         ["database nova: utf8mb3 and utf8mb3_general_ci for new tables"])

    def test_the_password_before_opens_for_an_hour(self):
        self.server.told(self.path)
        newer = written(FILE % "two")
        self.assertEqual(self.server.told(newer),
                         ["user nova: a new password; the one before it still opens"])
        self.assertEqual(self.server.logins("nova"), [digest("two"), digest("one")])
        self.server.now += 3600
        self.assertEqual(self.server.told(newer), [])
        self.server.now += 1
        self.assertEqual(self.server.told(newer), ["user nova: the password before this one opens no more"])
        self.assertEqual(self.server.logins("nova"), [digest("two")])

    def test_only_the_newest_of_the_older_ones_opens(self):
        for password in "one", "two", "three":
            self.server.told(written(FILE % password))
        self.assertEqual(self.server.logins("nova"), [digest("three"), digest("two")])

    def test_or_for_no_time_at_all(self):
        self.server.told(self.path)
        text = (FILE % "two").replace("1h", "0s")
        self.assertEqual(self.server.told(written(text)), ["user nova: a new password"])
        self.assertEqual(self.server.logins("nova"), [digest("two")])

    def test_another_way_to_log_in_is_replaced(self):
        self.server.accounts["nova", "%"] = {"plugin": "unix_socket"}
        self.assertIn("user nova: a new password", self.server.told(self.path))
        self.assertEqual(self.server.logins("nova"), [digest("one")])

    def test_somebody_was_faster_with_another_password(self):
        looked = self.server.digests
        answers = iter([(None, 0)])
        self.server.digests = lambda *account: next(answers, None) or looked(*account)
        self.server.set_account("CREATE USER", f"{PLUGIN} USING %s", "nova", "%", digest("theirs"))
        self.server.told(self.path)
        self.assertEqual(self.server.logins("nova")[0], digest("one"))


class Mistakes(unittest.TestCase):
    def test_are_told_by_their_place(self):
        for text, said in [
            ("previous_passwords: soon", "previous_passwords is a time such as"),
            ("server: {host: x, password: p, colour: red}", "server: there is no colour here"),
            ("server: {password: p}", "server: host is missing"),
            ("users: {x: {password: p, grants: [{on: '*.*; DROP', privileges: [ALL]}]}}",
             "grants[0]: *.*; DROP is nothing that can be granted"),
            ("users: {x: {password: p, grants: [{privileges: [ALL]}]}}", "grants[0]: on is missing"),
            ("users: {x: {}}", "users: x: password is missing"),
        ]:
            with self.subTest(text), self.assertRaises(Problem) as caught:
                wanted = Wanted(written(text))
                Server(wanted.server, 0)
            self.assertIn(said, str(caught.exception))

    def test_of_the_server_are_waited_for_or_told(self):
        for error, kind, said in [
            (pymysql.OperationalError(2003, "Can't connect"), NotYet, "the server says 2003: Can't connect"),
            (pymysql.OperationalError(ER.ACCESS_DENIED_ERROR, "denied"), NotYet, "denied"),
            (pymysql.OperationalError(ER.DBACCESS_DENIED_ERROR, "no"), Problem, "the server says 1044: no"),
            (pymysql.ProgrammingError(ER.PARSE_ERROR, "near '*3A70EE'"), Problem, "the server says 1064"),
        ]:
            with self.subTest(said), mock.patch.object(databases, "Server", side_effect=error):
                with self.assertRaises(kind) as caught:
                    databases.reconcile(written(FILE % "p"))
                self.assertIn(said, str(caught.exception))
                self.assertNotIn("3A70EE", str(caught.exception))


if __name__ == "__main__":
    unittest.main()
