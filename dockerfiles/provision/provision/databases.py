"""Databases, their users and what these may do."""

import hashlib
import json

import pymysql
from pymysql.constants import CR, ER

from provision import document
from provision.document import REQUIRED, Problem
from provision.run import NotYet, main, say, seconds

PLUGIN = "mysql_native_password"
# The server is not there, is going, or joins its cluster; root's password is on its way to it.
LATER = {
    CR.CR_CONNECTION_ERROR, CR.CR_CONN_HOST_ERROR, CR.CR_UNKNOWN_HOST, CR.CR_SERVER_GONE_ERROR,
    CR.CR_SERVER_LOST, ER.ACCESS_DENIED_ERROR, ER.UNKNOWN_COM_ERROR, ER.SERVER_SHUTDOWN,
    ER.CON_COUNT_ERROR, ER.LOCK_DEADLOCK, ER.LOCK_WAIT_TIMEOUT, 1129, 1698, 1927,
}


def quoted(name):
    return "`" + name.replace("`", "``") + "`"


def as_pattern(name):
    """A database in GRANT, where `_` and `%` stand for others."""
    return quoted(name.replace("\\", "\\\\").replace("_", "\\_").replace("%", "\\%"))


def digest(password):
    """What the server keeps of a password."""
    inner = hashlib.sha1(password.encode()).digest()
    return "*" + hashlib.sha1(inner).hexdigest().upper()


class Server:
    """The server, as its administrator."""

    def __init__(self, table, previous_passwords):
        self.previous_passwords = previous_passwords
        self.changes = 0
        host, port = table.text("host", REQUIRED), table.text("port", "3306")
        user, password = table.text("user", "root"), table.password("password")
        ca = table.text("ca")
        table.end()
        try:
            self.connection = pymysql.connect(
                host=host, port=int(port), user=user, password=password, charset="utf8mb4",
                autocommit=True, connect_timeout=10, read_timeout=60, write_timeout=60, ssl_ca=ca,
            )
        except ValueError:
            raise Problem(f"{table.place}: {port} is no port") from None

    def close(self):
        self.connection.close()

    def rows(self, statement, *arguments):
        with self.connection.cursor() as cursor:
            cursor.execute(statement, arguments or None)
            return cursor.fetchall()

    def change(self, text, statement, *arguments):
        self.rows(statement, *arguments)
        self.changes += 1
        say(text)

    # --- parts -------------------------------------------------------------------

    def database(self, name, character_set, collation):
        found = self.rows(
            "SELECT DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME "
            "FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = %s", name)
        spelled = f"{quoted(name)} CHARACTER SET %s COLLATE %s"
        if not found:
            self.change(f"database {name}: made", f"CREATE DATABASE IF NOT EXISTS {spelled}",
                        character_set, collation)
        elif found[0] != (character_set, collation):
            self.change(f"database {name}: {character_set} and {collation} for new tables",
                        f"ALTER DATABASE {spelled}", character_set, collation)

    def digests(self, user, host):
        """What the user can log in with, the newest first; None if there is no such user."""
        found = self.rows("SELECT Priv FROM mysql.global_priv WHERE User = %s AND Host = %s", user, host)
        if not found:
            return None, 0
        account = json.loads(found[0][0])
        # An empty object in the list stands for what is beside the list.
        ways = [way or account for way in account.get("auth_or", [{}])]
        known = [way.get("authentication_string", "") for way in ways if way.get("plugin") == PLUGIN]
        if len(known) != len(ways):
            known = [""]  # something else, which is replaced
        return known, account.get("password_last_changed", 0)

    def user(self, user, host, password):
        new = digest(password)
        known, changed = self.digests(user, host)
        by = f"IDENTIFIED VIA {PLUGIN} USING"
        if known is None:
            self.change(f"user {user}: made", f"CREATE USER IF NOT EXISTS %s@%s {by} %s", user, host, new)
            # Another one may have been faster, with another password.
            known = self.digests(user, host)[0]
        if known[:1] != [new]:
            old = next((one for one in known if one not in ("", new)), None)
            if old and self.previous_passwords:
                self.change(f"user {user}: a new password; the one before it still opens",
                            f"ALTER USER %s@%s {by} %s OR {PLUGIN} USING %s", user, host, new, old)
            else:
                self.change(f"user {user}: a new password", f"ALTER USER %s@%s {by} %s", user, host, new)
        elif len(known) > 1 and self.age(changed) > self.previous_passwords:
            self.change(f"user {user}: the password before this one opens no more",
                        f"ALTER USER %s@%s {by} %s", user, host, new)

    def age(self, changed):
        return self.rows("SELECT UNIX_TIMESTAMP()")[0][0] - changed

    def grants(self, user, host):
        return {row[0] for row in self.rows("SHOW GRANTS FOR %s@%s", user, host)}

    def grant(self, user, host, privileges, on, name):
        statement = f"GRANT {privileges} ON {on} TO {quoted(user)}@{quoted(host)}"
        before = self.grants(user, host)
        if statement in before:
            return
        self.rows(statement)
        # The server spells some privileges otherwise, and so the text alone does not tell.
        if self.grants(user, host) != before:
            self.changes += 1
            say(f"user {user}: {privileges.lower()} on {name}")


class Wanted:
    """What the file says, checked as far as that goes without a server."""

    def __init__(self, path):
        top = document.read(path)
        self.server = top.table("server")
        try:
            self.previous_passwords = seconds(top.text("previous_passwords", "1h"))
        except Exception:
            raise Problem(f"{path}: previous_passwords is a time such as 90s, 5m or 1h") from None
        defaults = top.table("defaults")
        self.character_set = defaults.text("character_set", "utf8mb3")
        self.collation = defaults.text("collation", "utf8mb3_general_ci")
        defaults.end()
        self.databases = {}
        for name, table in top.tables("databases").items():
            self.databases[name] = (
                table.text("character_set", self.character_set), table.text("collation", self.collation))
            table.end()
        self.users = [self.user(label, table) for label, table in top.tables("users").items()]
        top.end()

    def user(self, label, table):
        user = {
            "name": table.text("name", label),
            "host": table.text("host", "%"),
            "password": table.password("password"),
            "databases": table.texts("databases"),
            "grants": [],
        }
        for grant in table.list("grants"):
            privileges, on = grant.texts("privileges"), grant.text("on", REQUIRED)
            grant.end()
            for text in [*privileges, on]:
                if any(sign in text for sign in ";'\"\\\n"):
                    raise Problem(f"{grant.place}: {text} is nothing that can be granted")
            user["grants"].append((", ".join(privileges), on))
        for name in user["databases"]:
            self.databases.setdefault(name, (self.character_set, self.collation))
        table.end()
        return user


def reconcile(path):
    """Makes the server be as the file says; how many changes it took."""
    wanted = Wanted(path)
    try:
        server = Server(wanted.server, wanted.previous_passwords)
        try:
            for name, (character_set, collation) in wanted.databases.items():
                server.database(name, character_set, collation)
            for user in wanted.users:
                name, host = user["name"], user["host"]
                server.user(name, host, user["password"])
                for database in user["databases"]:
                    server.grant(name, host, "ALL PRIVILEGES", f"{as_pattern(database)}.*", database)
                for privileges, on in user["grants"]:
                    server.grant(name, host, privileges, on, on)
        finally:
            server.close()
    except pymysql.MySQLError as error:
        number = error.args[0] if error.args else 0
        # The text of a mistake in SQL quotes the statement, which may hold a password's digest.
        text = "" if number == ER.PARSE_ERROR else f": {error.args[-1]}"
        kind = NotYet if number in LATER or not isinstance(number, int) else Problem
        raise kind(f"the server says {number}{text}") from None
    return server.changes


def start():
    main("provision-databases", "the database server", reconcile)
