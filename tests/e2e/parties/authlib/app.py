"""A web product on Flask with Authlib: code, PKCE S256, nonce, at_hash, userinfo, refresh."""

import json
import os

from authlib.integrations.flask_client import OAuth
from flask import Flask, redirect, render_template_string, session, url_for

PAGE = """<!doctype html><html lang="ru"><meta charset="utf-8"><link rel="icon" href="data:,"><title>Flask</title><main>
{% if claims %}<pre id="claims">{{ claims }}</pre><pre id="userinfo">{{ userinfo }}</pre>
<a id="refresh" href="/refresh">Обновить</a>
{% else %}<a id="sign-in" href="/sign-in">Войти</a>{% endif %}</main>"""

app = Flask(__name__)
app.secret_key = os.urandom(32)
app.config["SESSION_COOKIE_NAME"] = "flask-" + os.environ["PORT"]
oauth = OAuth(app)
oauth.register(
    "kabinet",
    server_metadata_url=os.environ["ISSUER"] + "/.well-known/openid-configuration",
    client_id=os.environ["CLIENT_ID"],
    client_secret=os.environ["CLIENT_SECRET"],
    client_kwargs={"scope": "openid profile phone offline_access", "code_challenge_method": "S256"},
)
tokens = {}


@app.get("/")
def home():
    known = tokens.get(session.get("sub"))
    if not known:
        return render_template_string(PAGE)
    return render_template_string(PAGE, claims=json.dumps(known["claims"]), userinfo=json.dumps(known["userinfo"]))


@app.get("/sign-in")
def sign_in():
    return oauth.kabinet.authorize_redirect(url_for("callback", _external=True))


@app.get("/callback")
def callback():
    # Checks state, the signature against the JWKS, iss, aud, exp, nonce and at_hash.
    token = oauth.kabinet.authorize_access_token()
    keep(token, token["userinfo"])
    return redirect("/")


@app.get("/refresh")
def refresh():
    known = tokens[session["sub"]]["token"]
    token = oauth.kabinet.fetch_access_token(grant_type="refresh_token", refresh_token=known["refresh_token"])
    claims = oauth.kabinet.parse_id_token(token, nonce=None) if "id_token" in token else {"sub": session["sub"]}
    keep(token, claims)
    tokens[session["sub"]]["userinfo"]["rotated"] = token["refresh_token"] != known["refresh_token"]
    return redirect("/")


def keep(token, claims):
    session["sub"] = claims["sub"]
    userinfo = dict(oauth.kabinet.userinfo(token=token))
    tokens[claims["sub"]] = {"token": token, "claims": dict(claims), "userinfo": userinfo}


app.run("127.0.0.1", int(os.environ["PORT"]), threaded=True)
