"""django-oauth-toolkit in a Django site of its own, for gunicorn: `toolkit:application`.

`python toolkit.py TOKENS` makes its database, and prints access tokens and refresh tokens. The database is SQLite in
the working directory, with a log of its own (WAL) that is not synced for each write. The client's secret is kept in
clear, since a hash would cost each request more than all else.
"""

import json
import sys
from datetime import timedelta

import django
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.urls import include, path

settings.configure(
    SECRET_KEY="only for measuring",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "oauth2_provider"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": "db.sqlite3",
            "CONN_MAX_AGE": None,
            "OPTIONS": {
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
                "transaction_mode": "IMMEDIATE",
                "timeout": 30,
            },
        }
    },
    OAUTH2_PROVIDER={"SCOPES": {"read": "", "write": "", "introspection": ""}},
)
django.setup()
urlpatterns = [path("o/", include("oauth2_provider.urls"))]


def make(tokens: int) -> dict[str, list[str]]:
    """Answers access tokens, and as many refresh tokens."""
    from django.contrib.auth.models import User
    from django.utils import timezone
    from oauth2_provider.models import AccessToken, Application, RefreshToken

    call_command("migrate", verbosity=0)
    user = User.objects.create_user("alice")
    one = {"client_type": "confidential", "client_secret": "gateway-secret", "hash_client_secret": False}
    Application.objects.create(client_id="gateway", authorization_grant_type="client-credentials", **one)
    app = Application.objects.create(client_id="shop", authorization_grant_type="password", **one)
    expires = timezone.now() + timedelta(days=1)
    made: dict[str, list[str]] = {"access": [], "refresh": []}
    for number in range(tokens):
        access = AccessToken.objects.create(
            user=user, application=app, token=f"access-{number:032}", expires=expires, scope="read write"
        )
        refresh = RefreshToken.objects.create(
            user=user, application=app, token=f"refresh-{number:032}", access_token=access
        )
        made["access"].append(access.token)
        made["refresh"].append(refresh.token)
    return made


if __name__ == "__main__":
    # Under the name that ROOT_URLCONF imports, so that there is one site.
    sys.modules["toolkit"] = sys.modules["__main__"]
    print(json.dumps(make(int(sys.argv[1]))))
else:
    application = get_wsgi_application()
