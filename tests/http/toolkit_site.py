"""django-oauth-toolkit in the smallest Django site that serves it: `toolkit_site.py PORT DIALECT`.

The dialect is that of a document: `squad` reads forms and grants "read write", `community` reads
JSON and grants "write read". The database is a file in the working directory.
"""

import logging
import sys
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import django
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.urls import include, path

import credentials

BACKENDS = "oauth2_provider.oauth2_backends"
OAUTH = {
    "squad": {
        "SCOPES": {"read": "", "write": ""},
        "ACCESS_TOKEN_EXPIRE_SECONDS": 36_000,
    },
    "community": {
        "SCOPES": {"write": "", "read": ""},
        "ACCESS_TOKEN_EXPIRE_SECONDS": 600,
        "REFRESH_TOKEN_EXPIRE_SECONDS": 86_400,
        "OAUTH2_BACKEND_CLASS": f"{BACKENDS}.JSONOAuthLibCore",
    },
}
PREFIXES = {"squad": "oauth/", "community": "auth/oauth2/"}

urlpatterns: list = []


def configure(dialect: str) -> None:
    settings.configure(
        SECRET_KEY="only for tests",
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF=__name__,
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "oauth2_provider",
        ],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}},
        # Passwords are hashed for every request; the cost of that is not under test.
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        OAUTH2_PROVIDER=OAUTH[dialect],
    )
    django.setup()
    urlpatterns.append(path(PREFIXES[dialect], include("oauth2_provider.urls")))


def declare() -> None:
    from django.contrib.auth.models import User
    from oauth2_provider.models import Application

    call_command("migrate", verbosity=0)
    for user in credentials.USERS:
        User.objects.create_user(user.name, password=user.password)
    for client in credentials.CLIENTS:
        Application.objects.create(
            client_id=client.id,
            client_secret=client.secret or "",
            client_type=Application.CLIENT_CONFIDENTIAL if client.secret else "public",
            authorization_grant_type={
                "password": Application.GRANT_PASSWORD,
                "client_credentials": Application.GRANT_CLIENT_CREDENTIALS,
            }[client.grants[0]],
        )


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


class Server(WSGIServer):
    # Many short connections in a row.
    request_queue_size = 64


def main(port: int, dialect: str) -> None:
    logging.captureWarnings(True)
    configure(dialect)
    declare()
    server = make_server("127.0.0.1", port, get_wsgi_application(), Server, Quiet)
    server.serve_forever()


if __name__ == "__main__":
    # Under the name that ROOT_URLCONF imports, so that there is one list of routes.
    sys.modules["toolkit_site"] = sys.modules["__main__"]
    main(int(sys.argv[1]), sys.argv[2])
