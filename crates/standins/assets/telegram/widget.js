// The widget on another site's page, in the forms that its vendor's has: data-auth-url, or data-onauth="name(user)".
(() => {
  const script = document.currentScript;
  const home = new URL(script.src).origin;
  const { telegramLogin: bot, authUrl, onauth, size = "large" } = script.dataset;
  if (!bot) return;
  const frame = document.createElement("iframe");
  frame.src = `${home}/embed/${bot}?${new URLSearchParams({ origin: location.origin, size })}`;
  frame.id = `telegram-login-${bot}`;
  frame.width = "320";
  frame.height = "64";
  script.before(frame);
  window.addEventListener("message", (event) => {
    if (event.source !== frame.contentWindow || event.origin !== home) return;
    const { event: name, auth_data: user } = JSON.parse(event.data);
    if (name !== "auth_user") return;
    if (authUrl) {
      const url = new URL(authUrl, location.href);
      for (const [key, value] of Object.entries(user)) url.searchParams.append(key, value);
      location.href = url;
    } else if (onauth) {
      window[onauth.split("(")[0]](user);
    }
  });
})();
