# With what the static files are made, as the image is built. The settings that the cloud has later
# must say the same of these.
COMPRESS_OFFLINE = True
SECRET_KEY = "none is kept"
STATIC_ROOT = "/usr/share/etcstack/horizon/static"
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
