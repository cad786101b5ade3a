// The script for pages: Telegram.Login.init({client_id, request_access, nonce, lang}, callback), then open(), or auth() at once.
(() => {
  const home = new URL(document.currentScript.src).origin;
  let options = null;
  let callback = null;
  const start = (asked, done) => {
    const more = { phone: "phone", write: "telegram:bot_access" };
    const access = [asked.request_access ?? []].flat().map((name) => more[name]).filter(Boolean);
    const query = new URLSearchParams({
      response_type: "post_message",
      client_id: asked.client_id,
      redirect_uri: location.origin + location.pathname,
      scope: ["openid", "profile", ...access].join(" "),
    });
    if (asked.nonce) query.set("nonce", asked.nonce);
    const opened = window.open(`${home}/auth?${query}`, "telegram_oidc_login", "width=550,height=650");
    window.addEventListener("message", function take(event) {
      if (event.origin !== home || event.source !== opened) return;
      const { event: name, result, error } = JSON.parse(event.data);
      if (name !== "auth_result") return;
      window.removeEventListener("message", take);
      done(error ? { error } : { id_token: result });
    });
  };
  window.Telegram = {
    ...window.Telegram,
    Login: {
      init(asked, done) {
        options = asked;
        callback = done;
      },
      open: (done) => start(options, done ?? callback),
      auth: start,
    },
  };
})();
