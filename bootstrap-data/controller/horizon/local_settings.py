# horizon: the dashboard. Python, after the defaults of openstack_dashboard. What variables hold is
# percent-encoded in here, so that nothing in it can end a literal.
from urllib.parse import unquote

DEBUG = False

# By which names browsers ask for the dashboard. The agent asks for it at 127.0.0.1.
ALLOWED_HOSTS = [*unquote("${HORIZON_HOSTS|url}").split(","), "127.0.0.1"]

OPENSTACK_KEYSTONE_URL = unquote("${KEYSTONE_HOSTNAME|url}").join(["http://", ":5000/v3"])
OPENSTACK_ENDPOINT_TYPE = "internalURL"
OPENSTACK_API_VERSIONS = {"identity": 3, "image": 2, "volume": 3}
OPENSTACK_KEYSTONE_MULTIDOMAIN_SUPPORT = True
OPENSTACK_KEYSTONE_DEFAULT_DOMAIN = "Default"
OPENSTACK_KEYSTONE_DEFAULT_ROLE = "member"
HORIZON_IMAGES_UPLOAD_MODE = "legacy"

# The same in all replicas: it signs what the browsers keep.
SECRET_KEY = unquote("${HORIZON_SECRET_KEY|url}")
SESSION_ENGINE = "django.contrib.sessions.backends.cache"
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.memcached.PyMemcacheCache",
        "LOCATION": unquote("${MEMCACHED_SERVERS|url}").split(","),
    },
    # Parts of pages, in each process: they have to be those of its own image's templates.
    "template_fragments": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
}

# Made as the image was built.
COMPRESS_OFFLINE = True
STATIC_ROOT = "/usr/share/etcstack/horizon/static"
TIME_ZONE = "UTC"

# To the container's output.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(process)d %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        name: {"handlers": ["stderr"], "level": "INFO", "propagate": False}
        for name in ("django", "horizon", "openstack_auth", "openstack_dashboard")
    },
}

# Behind a proxy that ends TLS, and lets nobody else say so: with HORIZON_TLS=yes.
if "${HORIZON_TLS:-no}" == "yes":
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    CSRF_COOKIE_SECURE = True
    SESSION_COOKIE_SECURE = True
