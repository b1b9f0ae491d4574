"use strict";
// Only adds comfort: without this file the page works all the same.
(() => {
  const button = document.getElementById("locate");
  const told = document.getElementById("located");
  if (button !== null && told !== null && "geolocation" in navigator) {
    button.hidden = false;
    button.addEventListener("click", () => {
      navigator.geolocation.getCurrentPosition(
        (position) => {
          document.getElementById("latitude").value = position.coords.latitude.toFixed(6);
          document.getElementById("longitude").value = position.coords.longitude.toFixed(6);
          told.textContent = told.dataset.yes;
        },
        () => {
          told.textContent = told.dataset.no;
        },
        { enableHighAccuracy: true, timeout: 15000, maximumAge: 60000 },
      );
    });
  }
  for (const form of document.forms) {
    form.addEventListener("submit", () => {
      const sent = form.querySelector("button[type=submit]");
      setTimeout(() => {
        sent.disabled = true;
      }, 0);
    });
  }
  // Back from another page: the form may be sent again.
  addEventListener("pageshow", () => {
    for (const sent of document.querySelectorAll("button[type=submit]")) {
      sent.disabled = false;
    }
  });
})();
