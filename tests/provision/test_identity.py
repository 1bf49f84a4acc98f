"""What keystone is told: once, and not again."""

import contextlib
import io
import unittest
from types import SimpleNamespace
from unittest import mock

from keystoneauth1 import exceptions

from provision import identity
from provision.document import Problem
from provision.identity import Keystone, Wanted
from provision.run import NotYet
from test_document import written

FILE = """
auth: {url: "http://keystone:5000/v3", username: admin, password: secret, project: admin}
region: RegionOne
roles: [member]
domains: {heat: {description: "Stacks' users"}}
projects: {service: {}}
users:
  nova:
    password: "%s"
    roles: [{role: admin, project: service}, {role: member, domain: heat}, {role: admin, system: all}]
services:
  nova: {type: compute, endpoints: {public: "%s", internal: "http://nova:8774/v2.1"}}
"""
PUBLIC = "https://cloud/nova"


class Api:
    """Keystone's API as far as `Keystone` asks for it. Each thing is a table; its kind is in its path."""

    def __init__(self):
        self.things = {"domains": [{"id": "default", "name": "Default"}], "roles": [{"id": "r", "name": "admin"}]}
        self.paths, self.requests = set(), []

    def answer(self, status, body=None):
        return SimpleNamespace(status_code=status, json=lambda: body)

    def get(self, path, params=None, raise_exc=True):
        kind = path.strip("/")
        if "/" in kind:
            return self.answer(200 if path in self.paths else 404)
        found = [self.shown(thing) for thing in self.things.get(kind, [])
                 if all(thing.get(name) == value for name, value in params.items())]
        return self.answer(200, {kind: found})

    def post(self, path, json):
        self.requests.append(("POST", path))
        (singular, values), = json.items()
        things = self.things.setdefault(path.strip("/"), [])
        thing = {"id": f"{singular}-{len(things)}", **values}
        things.append(thing)
        return self.answer(201, {singular: self.shown(thing)})

    def shown(self, thing):
        return {name: value for name, value in thing.items() if name != "password"}

    def patch(self, path, json):
        self.requests.append(("PATCH", path))
        _, kind, identity = path.split("/")
        (values,) = json.values()
        next(thing for thing in self.things[kind] if thing["id"] == identity).update(values)

    def head(self, path, raise_exc):
        return self.answer(204 if path in self.paths else 404)

    def put(self, path, json=None):
        self.requests.append(("PUT", path))
        self.paths.add(path)

    def named(self, kind, name):
        return next(thing for thing in self.things[kind] if thing["name"] == name)


class Reconciling(unittest.TestCase):
    def setUp(self):
        self.api = Api()

    def told(self, password="one", public=PUBLIC, text=FILE):
        """Reconciles; the lines that it says."""
        self.api.requests.clear()
        keystone = Keystone(Wanted(written(text % (password, public))))
        keystone.api = self.api
        keystone.opens = lambda user, tried: self.api.named("users", "nova")["password"] == tried
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            keystone.all()
        lines = output.getvalue().splitlines()
        self.assertEqual(keystone.changes, len(lines))
        return lines

    def test_all_is_made_and_then_nothing_is_to_do(self):
        self.assertEqual(self.told(), [
            "region RegionOne: made", "role member: made", "domain heat: made", "project service: made",
            "user nova: made", "user nova: admin in project service", "user nova: member in domain heat",
            "user nova: admin in the system", "service nova: made", "service nova: public endpoint made",
            "service nova: internal endpoint made",
        ])
        user = self.api.named("users", "nova")
        self.assertEqual((user["domain_id"], user["enabled"]), ("default", True))
        self.assertEqual(self.told(), [])
        self.assertEqual(self.api.requests, [])

    def test_what_others_have_changed_is_put_right(self):
        self.told()
        self.api.named("services", "nova")["enabled"] = False
        self.api.named("domains", "heat")["description"] = "x"
        self.assertEqual(self.told(), ["domain heat: description changed", "service nova: enabled changed"])

    def test_an_endpoint_moves_and_keeps_its_id(self):
        self.told()
        before = [endpoint["id"] for endpoint in self.api.things["endpoints"]]
        self.assertEqual(self.told(public="https://other"), ["service nova: public endpoint changed"])
        self.assertEqual([endpoint["id"] for endpoint in self.api.things["endpoints"]], before)

    def test_a_password_is_set_only_if_it_does_not_open(self):
        self.told()
        self.assertEqual(self.told(password="two"), ["user nova: a new password"])
        self.assertEqual(self.api.named("users", "nova")["password"], "two")

    def test_a_role_that_was_taken_comes_back(self):
        self.told()
        self.api.paths = {path for path in self.api.paths if not path.startswith("/system")}
        self.assertEqual(self.told(), ["user nova: admin in the system"])

    def test_somebody_was_faster(self):
        make = self.api.post

        def conflict(path, json):
            made = make(path, json)
            if path == "/projects":
                raise exceptions.Conflict()
            return made

        self.api.post = conflict
        said = self.told()
        self.assertNotIn("project service: made", said)
        self.assertIn("user nova: admin in project service", said)

    def test_what_is_nowhere_is_named(self):
        with self.assertRaises(Problem) as caught:
            self.told(text=FILE.replace("role: admin, project: service", "role: admin, project: elsewhere"))
        self.assertIn("nothing called elsewhere among its projects", str(caught.exception))


class Mistakes(unittest.TestCase):
    def test_are_told_by_their_place(self):
        for old, new, said in [
            ("region: RegionOne", "", "region is missing"),
            ("{role: admin, project: service}", "{role: admin}", "users: nova: roles[0]: a role is held in one"),
            ("{role: admin, project: service}", "{role: admin, project: a, domain: b}", "a role is held in one"),
            ("system: all", "system: some", "there is `system: all` alone"),
            ("type: compute, ", "", "services: nova: type is missing"),
            ("{public:", "{pubic:", "endpoints: there is no pubic here; there is admin, internal, public"),
        ]:
            self.assertIn(old, FILE)
            with self.subTest(new), self.assertRaises(Problem) as caught:
                Wanted(written(FILE.replace(old, new) % ("p", PUBLIC)))
            self.assertIn(said, str(caught.exception))

    def test_of_keystone_are_waited_for_or_told(self):
        path = written(FILE % ("p", PUBLIC))
        for error, kind in [
            (exceptions.Unauthorized(), NotYet), (exceptions.ConnectFailure(), NotYet),
            (exceptions.ServiceUnavailable(), NotYet), (exceptions.Forbidden(), Problem),
        ]:
            with self.subTest(type(error).__name__), mock.patch.object(Keystone, "all", side_effect=error):
                with self.assertRaises(kind) as caught:
                    identity.reconcile(path)
                self.assertNotIn("secret", str(caught.exception))


if __name__ == "__main__":
    unittest.main()
