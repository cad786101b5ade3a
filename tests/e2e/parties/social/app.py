"""A Django site with python-social-auth: RS256 only, at_hash, nonce, user name from preferred_username."""

import json
import os
import sys

import django
from django.conf import settings
from django.core.management import call_command, execute_from_command_line
from django.http import HttpResponse
from django.middleware.csrf import get_token
from django.template import Context, Engine
from django.urls import include, path

PAGE = """<!doctype html><html lang="ru"><meta charset="utf-8"><link rel="icon" href="data:,"><title>Django</title><main>
{% if user.is_authenticated %}<p id="username">{{ user.username }}</p><pre id="claims">{{ claims }}</pre>
{% else %}<form method="post" action="/social/login/oidc/"><input type="hidden" name="csrfmiddlewaretoken" value="{{ csrf }}">
<button id="sign-in">Войти</button></form>{% endif %}</main>"""

sys.modules["app"] = sys.modules[__name__]  # Django finds its parts by module name; this file is all of them
settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    AUTHENTICATION_BACKENDS=["social_core.backends.open_id_connect.OpenIdConnectAuth"],
    CSRF_COOKIE_NAME="csrf-" + os.environ["PORT"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.path.join(os.environ["DIR"], "django.db")}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "social_django"],
    LOGIN_REDIRECT_URL="/",
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    ROOT_URLCONF="app",
    SECRET_KEY=os.urandom(32).hex(),
    SESSION_COOKIE_NAME="django-" + os.environ["PORT"],
    SOCIAL_AUTH_OIDC_KEY=os.environ["CLIENT_ID"],
    SOCIAL_AUTH_OIDC_OIDC_ENDPOINT=os.environ["ISSUER"],
    SOCIAL_AUTH_OIDC_SECRET=os.environ["CLIENT_SECRET"],
    SOCIAL_AUTH_PIPELINE=[
        "social_core.pipeline.social_auth.social_details",
        "social_core.pipeline.social_auth.social_uid",
        "social_core.pipeline.social_auth.auth_allowed",
        "social_core.pipeline.social_auth.social_user",
        "social_core.pipeline.user.get_username",
        "social_core.pipeline.user.create_user",
        "social_core.pipeline.social_auth.associate_user",
        "social_core.pipeline.social_auth.load_extra_data",
        "social_core.pipeline.user.user_details",
        "app.keep_claims",
    ],
)


def keep_claims(backend, strategy, *args, **kwargs):
    # The claims after the backend has checked signature, aud, iss, iat, nonce and at_hash.
    strategy.session_set("claims", backend.id_token)


def home(request):
    values = {"user": request.user, "csrf": get_token(request), "claims": json.dumps(request.session.get("claims"))}
    return HttpResponse(Engine().from_string(PAGE).render(Context(values)))


django.setup()
urlpatterns = [path("", home), path("social/", include("social_django.urls", namespace="social"))]
call_command("migrate", verbosity=0)
execute_from_command_line(["app", "runserver", "--noreload", "127.0.0.1:" + os.environ["PORT"]])
