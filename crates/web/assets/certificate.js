// Sign-in by certificate.
(() => {
  "use strict";
})();
