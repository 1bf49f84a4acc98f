"""Prints the options of a service, as the packages of a release define them.

    python options.py SERVICE [services.toml]

Any Python that has the service's packages will do, such as that of the service's own image:

    python options.py glance | etcstack-loader catalog --lean -o /usr/share/etcstack/catalog.json

services.toml, which stands beside this script, says which namespaces are the service's.

The output is that of `oslo-config-generator --format json` for the service's namespaces, and more
that the generator knows and does not say, which `etcstack-loader catalog` reads:

- the type of an option is the name of its class in oslo_config.types, or what the service calls it
- "rules": what a value has to be besides: {"ignore_case", "max_length", "min_length", "pattern",
  "bounds", "schemes", "version", "separator", "items": {type, choices, min, max, rules}}
- "multi": whether the option may occur several times
- a group with the owner "auth_type": what the plugins of keystoneauth read in each section that
  says with auth_type which of them to use
- a group with the owner "": sections that the service makes up
"""

import importlib.metadata
import json
import logging
import multiprocessing
import os
import socket
import sys
import tomllib
import warnings

# Of the packages that are imported; nobody here can do anything about them.
warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)

# What a default may take from the machine, so that it can be told from others.
CPUS = 4242
MACHINE = ("machine.invalid", "192.0.2.42", "2001:db8::42", sys.prefix)
os.cpu_count = multiprocessing.cpu_count = lambda: CPUS
socket.gethostname = socket.getfqdn = lambda *_: MACHINE[0]

try:
    from oslo_config import cfg, generator, types
    from oslo_utils import netutils
except ModuleNotFoundError as error:
    print(f"options.py: {sys.executable} has no {error.name}; run the Python that has the "
          "service's packages", file=sys.stderr)
    sys.exit(66)

netutils.get_my_ipv4 = lambda *_: MACHINE[1]
netutils.get_my_ipv6 = lambda *_: MACHINE[2]

# By class: an option of a class derived from one of these has rules of its own.
KINDS = {
    types.String: "string value",
    types.MultiString: "multi valued",
    types.Boolean: "boolean value",
    types.Integer: "integer value",
    types.Float: "floating point value",
    types.Port: "port value",
    types.List: "list value",
    types.Range: "range value",
    types.Dict: "dict value",
    types.IPAddress: "IP address value",
    types.Hostname: "hostname value",
    types.HostAddress: "host address value",
    types.HostDomain: "host domain value",
    types.URI: "uri value",
}
# What takes any text, as options of other libraries have it.
TEXTS = (str,)
UNKNOWN = "unknown value"


def kind(type_):
    if type_ in TEXTS:
        return "string value"
    known = KINDS.get(type(type_))
    if known:
        return known
    # Under its own name, unless that promises the rules of another class.
    name = getattr(type_, "type_name", UNKNOWN)
    return UNKNOWN if name in KINDS.values() else name


def version(type_):
    address = getattr(type_, "ip_address", type_)
    check = getattr(address, "version_checker", None)
    return {"_check_ipv4": 4, "_check_ipv6": 6}.get(getattr(check, "__name__", None))


def rules(type_):
    """What a value has to be, but for its class, its choices and its bounds."""
    found = {
        "ignore_case": getattr(type_, "ignore_case", False),
        "max_length": getattr(type_, "max_length", None),
        "min_length": getattr(type_, "min_length", None),
        "pattern": bool(getattr(type_, "regex", None)),
        "quotes": getattr(type_, "quotes", False),
        "bounds": getattr(type_, "bounds", False),
        "schemes": list(getattr(type_, "schemes", None) or []),
        "version": version(type_),
        "exclusive": not getattr(type_, "inclusive", True),
    }
    if getattr(type_, "key_value_separator", ":") != ":":
        found["separator"] = type_.key_value_separator
    found = {name: value for name, value in found.items() if value}
    items = getattr(type_, "item_type", None) or getattr(type_, "value_type", None)
    if items is not None:
        described = describe(items)
        if described != {"type": "string value", "rules": {}}:
            found["items"] = described
    return found


def describe(type_):
    found = {"type": kind(type_), "rules": rules(type_)}
    if getattr(type_, "choices", None):
        found["choices"] = list(type_.choices)
    for bound in ("min", "max"):
        if getattr(type_, bound, None) is not None:
            found[bound] = getattr(type_, bound)
    return found


def of_machine(value):
    """Whether a default or a bound is another one on another machine."""
    if isinstance(value, str):
        return any(part in value for part in MACHINE)
    return type(value) in (int, float) and value != 0 and (value * 2) % CPUS == 0


def entry(opt, group, namespace, conf):
    """What the generator says of an option, and more."""
    made = build_entry(opt, group, namespace, conf)
    made["type"] = kind(opt.type)
    for name in ("default", "min", "max"):
        if of_machine(made[name]):
            made[name] = None
    made["multi"] = bool(getattr(opt, "multi", False))
    if opt.type in TEXTS or type(opt.type) in KINDS:
        made["rules"] = rules(opt.type)
    return made


def plugin_options():
    """The options of all plugins of keystoneauth, each once."""
    from keystoneauth1 import loading

    found = {}
    for _, loader in sorted(loading.get_available_plugin_loaders().items()):
        for option in loader.get_options():
            opt = option._to_oslo_opt()
            found.setdefault(opt.dest, opt)
    return [found[dest] for dest in sorted(found)]


def fail(code, message):
    """Ends with one of the codes of sysexits."""
    print(f"options.py: {message}", file=sys.stderr)
    sys.exit(code)


def listed(service, listing):
    """What services.toml says of the service, and the namespaces of all."""
    with open(listing, "rb") as file:
        services = tomllib.load(file)
    common = services.pop("common")["namespaces"]
    if service not in services:
        fail(64, f"there is no {service} in {listing}, only {', '.join(sorted(services))}")
    return services[service], common


def add_auth(options, section, conf):
    """Has a section name with auth_type the plugin that it is for."""
    from keystoneauth1 import loading

    opts = options[section]["opts"]
    listed = {opt["name"] for opt in opts}
    opts += [
        entry(opt, section, "keystoneauth1", conf)
        for opt in loading.get_auth_common_conf_options()
        if opt.dest not in listed
    ]


def main():
    if len(sys.argv) not in (2, 3):
        fail(64, "usage: python options.py SERVICE [services.toml]")
    service = sys.argv[1]
    listing = sys.argv[2] if len(sys.argv) > 2 else os.path.join(
        os.path.dirname(os.path.abspath(__file__)), "services.toml"
    )
    table, common = listed(service, listing)
    own = set(table["namespaces"])
    wanted = set(common) | own
    # Namespaces come and go with the releases.
    here = {point.name for point in importlib.metadata.entry_points(group="oslo.config.opts")}
    if not any(name.split(".")[0] == service for name in own & here):
        fail(66, f"{sys.executable} has no packages of {service}; run the Python that has them")
    namespaces = sorted(wanted & here)
    for missing in sorted(wanted - here):
        print(f"options.py: {service}: no namespace {missing} here", file=sys.stderr)

    # What is imported prints, too.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    conf = cfg.ConfigOpts()
    generator.register_cli_opts(conf)
    conf([f"--namespace={name}" for name in namespaces], project="options")
    groups = generator._get_groups(generator._list_opts(namespaces))
    data = generator._generate_machine_readable_data(groups, conf)
    options = data["options"]
    for section in table.get("auth", []):
        add_auth(options, section, conf)
    if any(opt["name"] == "auth_type" for group in options.values() for opt in group["opts"]):
        options["plugins of keystoneauth"] = {
            "dynamic_group_owner": "auth_type",
            "opts": [entry(opt, "", "keystoneauth1", conf) for opt in plugin_options()],
        }
    data["sections"] = table.get("sections", [])
    json.dump(data, answers, default=str)
    answers.write("\n")


build_entry = generator._build_entry
generator._build_entry = entry

if __name__ == "__main__":
    main()
