// Tells the page that opened this window, and nobody of another origin.
const { origin, message } = document.getElementById("telling").dataset;
if (window.opener) {
  window.opener.postMessage(message, origin);
  window.close();
}
