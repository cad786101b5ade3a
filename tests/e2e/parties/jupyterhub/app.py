"""JupyterHub with GenericOAuthenticator, as its configuration file: code, PKCE S256, state, userinfo; who signed in is named by sub.

The hub is reached directly: configurable-http-proxy stands before it only to lead to notebook servers, and none is started.
"""

import json
import os
import urllib.request

from jupyterhub.proxy import Proxy
from oauthenticator.generic import GenericOAuthenticator

c = get_config()  # noqa: F821
url = "http://127.0.0.1:" + os.environ["PORT"]
with urllib.request.urlopen(os.environ["ISSUER"] + "/.well-known/openid-configuration") as answer:
    provider = json.load(answer)


class NoProxy(Proxy):
    """Keeps the routes that the hub asks for, and leads nowhere."""

    should_start = False
    routes = {}

    async def add_route(self, routespec, target, data):
        self.routes[routespec] = {"routespec": routespec, "target": target, "data": data}

    async def delete_route(self, routespec):
        self.routes.pop(routespec, None)

    async def get_all_routes(self):
        return self.routes


c.JupyterHub.proxy_class = NoProxy
c.JupyterHub.hub_bind_url = url
c.JupyterHub.db_url = "sqlite:///" + os.path.join(os.environ["DIR"], "hub.sqlite")
c.JupyterHub.default_url = "/hub/home"
c.JupyterHub.authenticator_class = GenericOAuthenticator
c.Authenticator.allow_all = True
c.GenericOAuthenticator.client_id = os.environ["CLIENT_ID"]
c.GenericOAuthenticator.client_secret = os.environ["CLIENT_SECRET"]
c.GenericOAuthenticator.oauth_callback_url = url + "/hub/oauth_callback"
c.GenericOAuthenticator.authorize_url = provider["authorization_endpoint"]
c.GenericOAuthenticator.token_url = provider["token_endpoint"]
c.GenericOAuthenticator.userdata_url = provider["userinfo_endpoint"]
c.GenericOAuthenticator.scope = ["openid", "profile"]
c.GenericOAuthenticator.username_claim = "sub"
