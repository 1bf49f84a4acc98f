"""What keystone knows: roles, domains, projects, users, services and endpoints."""

from keystoneauth1 import exceptions
from keystoneauth1.adapter import Adapter
from keystoneauth1.identity import v3
from keystoneauth1.session import Session

from provision import document
from provision.document import REQUIRED, Problem
from provision.run import NotYet, main, say

DEFAULT_DOMAIN = "Default"


class Wanted:
    """What the file says, checked as far as that goes without a server."""

    def __init__(self, path):
        top = document.read(path)
        auth = top.table("auth")
        self.url = auth.text("url", REQUIRED)
        self.credentials = {
            "username": auth.text("username", REQUIRED), "password": auth.password("password"),
            "user_domain_name": auth.text("user_domain", DEFAULT_DOMAIN),
            "project_name": auth.text("project", REQUIRED),
            "project_domain_name": auth.text("project_domain", DEFAULT_DOMAIN),
        }
        self.ca = auth.text("ca")
        auth.end()
        self.region = top.text("region", REQUIRED)
        self.roles = top.texts("roles")
        self.domains = [self.plain(name, table) for name, table in top.tables("domains").items()]
        self.projects = [self.project(name, table) for name, table in top.tables("projects").items()]
        self.users = [self.user(name, table) for name, table in top.tables("users").items()]
        self.services = [self.service(name, table) for name, table in top.tables("services").items()]
        top.end()

    def plain(self, label, table):
        found = {"name": table.text("name", label), "description": table.text("description", "")}
        table.end()
        return found

    def project(self, label, table):
        domain = table.text("domain", DEFAULT_DOMAIN)
        return {"domain": domain, **self.plain(label, table)}

    def user(self, label, table):
        user = {"domain": table.text("domain", DEFAULT_DOMAIN), "password": table.password("password")}
        user["roles"] = [self.role(role) for role in table.list("roles")]
        return {**user, **self.plain(label, table)}

    def role(self, table):
        found = {"role": table.text("role", REQUIRED)}
        places = {place: table.text(place) for place in ("project", "domain", "system")}
        places = {place: name for place, name in places.items() if name is not None}
        found["project_domain"] = table.text("project_domain", DEFAULT_DOMAIN)
        table.end()
        if len(places) != 1:
            raise Problem(f"{table.place}: a role is held in one of project, domain and system")
        if places.get("system", "all") != "all":
            raise Problem(f"{table.place}: there is `system: all` alone")
        return {**found, **places}

    def service(self, label, table):
        service = {"type": table.text("type", REQUIRED), "enabled": table.flag("enabled", True)}
        region = table.text("region", self.region)
        endpoints = table.table("endpoints")
        service["endpoints"] = [
            {"interface": interface, "region_id": region, "url": endpoints.text(interface)}
            for interface in ("public", "internal", "admin") if endpoints.text(interface) is not None
        ]
        endpoints.end()
        return {**service, **self.plain(label, table)}


class Keystone:
    """Keystone, as its administrator. What it has once said is kept: nobody else writes meanwhile."""

    def __init__(self, wanted):
        self.wanted = wanted
        self.changes = 0
        self.ids = {}
        self.verify = wanted.ca or True
        auth = v3.Password(auth_url=wanted.url, **wanted.credentials)
        # The catalog may not have keystone's new address yet: that is for us to mend.
        self.api = Adapter(Session(auth=auth, verify=self.verify, timeout=60),
                           endpoint_override=wanted.url.rstrip("/"))

    # --- requests ----------------------------------------------------------------

    def find(self, kind, **filters):
        """The one thing of a kind (`users`) that has these; None if there is none."""
        found = self.api.get(f"/{kind}", params=filters).json()[kind]
        return found[0] if found else None

    def ensure(self, kind, keys, values=None):
        """Makes it if there is none with these keys, and gives it these values."""
        values = values or {}
        singular = "policy" if kind == "policies" else kind[:-1]
        name = keys.get("name") or f"{keys.get('interface')} of {keys.get('region_id')}"
        found = self.find(kind, **keys)
        if found is None:
            try:
                body = {singular: {**keys, **values}}
                found = self.api.post(f"/{kind}", json=body).json()[singular]
                self.tell(f"{singular} {name}: made")
            except exceptions.Conflict:
                # Another one was faster; then it is as any other that is there.
                found = self.find(kind, **keys)
                if found is None:
                    raise
        differing = {key: value for key, value in values.items()
                     if key != "password" and found.get(key) != value}
        if differing:
            self.api.patch(f"/{kind}/{found['id']}", json={singular: differing})
            self.tell(f"{singular} {name}: {', '.join(sorted(differing))} changed")
        return found["id"]

    def tell(self, text):
        self.changes += 1
        say(text)

    def id_of(self, kind, name, **filters):
        """The id of something that has to be there by now."""
        key = (kind, name, *filters.values())
        if key not in self.ids:
            found = self.find(kind, name=name, **filters)
            if found is None:
                raise Problem(f"keystone has nothing called {name} among its {kind}; name it in the file")
            self.ids[key] = found["id"]
        return self.ids[key]

    def domain(self, name):
        return self.id_of("domains", name)

    # --- parts -------------------------------------------------------------------

    def user(self, user):
        domain = self.domain(user["domain"])
        known = self.find("users", name=user["name"], domain_id=domain)
        values = {"description": user["description"], "enabled": True}
        if known is None:
            values["password"] = user["password"]
        identity = self.ensure("users", {"name": user["name"], "domain_id": domain}, values)
        if known is not None and not self.opens(identity, user["password"]):
            self.api.patch(f"/users/{identity}", json={"user": {"password": user["password"]}})
            self.tell(f"user {user['name']}: a new password")
        for role in user["roles"]:
            self.assign(user, identity, role)

    def opens(self, identity, password):
        auth = v3.Password(auth_url=self.wanted.url, user_id=identity, password=password, unscoped=True)
        try:
            auth.get_access(Session(verify=self.verify, timeout=60))
        except exceptions.Unauthorized:
            return False
        return True

    def assign(self, user, identity, role):
        if "project" in role:
            project = self.id_of("projects", role["project"],
                                 domain_id=self.domain(role["project_domain"]))
            where, what = f"/projects/{project}", f"project {role['project']}"
        elif "domain" in role:
            where, what = f"/domains/{self.domain(role['domain'])}", f"domain {role['domain']}"
        else:
            where, what = "/system", "the system"
        path = f"{where}/users/{identity}/roles/{self.id_of('roles', role['role'])}"
        if self.api.head(path, raise_exc=False).status_code == 404:
            self.api.put(path)
            self.tell(f"user {user['name']}: {role['role']} in {what}")

    def service(self, service):
        identity = self.ensure(
            "services", {"name": service["name"], "type": service["type"]},
            {"description": service["description"], "enabled": service["enabled"]})
        for endpoint in service["endpoints"]:
            self.endpoint(service["name"], identity, endpoint)

    def endpoint(self, service, identity, endpoint):
        keys = {"service_id": identity, "interface": endpoint["interface"],
                "region_id": endpoint["region_id"]}
        found = self.find("endpoints", **keys)
        if found is None:
            self.api.post("/endpoints", json={"endpoint": {**keys, "url": endpoint["url"]}})
            self.tell(f"service {service}: {endpoint['interface']} endpoint made")
        elif found["url"] != endpoint["url"]:
            self.api.patch(f"/endpoints/{found['id']}", json={"endpoint": {"url": endpoint["url"]}})
            self.tell(f"service {service}: {endpoint['interface']} endpoint changed")

    def all(self):
        wanted = self.wanted
        if self.api.get(f"/regions/{wanted.region}", raise_exc=False).status_code == 404:
            self.api.put(f"/regions/{wanted.region}", json={"region": {}})
            self.tell(f"region {wanted.region}: made")
        for role in wanted.roles:
            self.ensure("roles", {"name": role})
        for domain in wanted.domains:
            self.ensure("domains", {"name": domain["name"]}, {"description": domain["description"]})
        for project in wanted.projects:
            self.ensure("projects", {"name": project["name"], "domain_id": self.domain(project["domain"])},
                        {"description": project["description"]})
        for user in wanted.users:
            self.user(user)
        for service in wanted.services:
            self.service(service)


def reconcile(path):
    """Makes keystone be as the file says; how many changes it took."""
    keystone = Keystone(Wanted(path))
    try:
        keystone.all()
    except exceptions.Unauthorized:
        # Its bootstrap is under way, or has the administrator's new password before us.
        raise NotYet("keystone does not know the administrator by this password") from None
    except (exceptions.ConnectFailure, exceptions.RetriableConnectionFailure,
            exceptions.HttpServerError, exceptions.DiscoveryFailure) as error:
        raise NotYet(f"keystone does not answer: {error}") from None
    except exceptions.HttpError as error:
        raise Problem(f"keystone refuses: {error}") from None
    return keystone.changes


def start():
    main("provision-identity", "keystone", reconcile)
