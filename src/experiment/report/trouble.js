// SPDX-License-Identifier: Apache-2.0
"use strict";
// The first script: whatever fails in those after it is shown to the reader.

const troubles = [];
function recordTrouble(what) {
  troubles.push(String(what));
  document.documentElement.dataset.troubles = troubles.length;
  const box = document.getElementById("trouble");
  box.hidden = false;
  box.textContent = "Part of this page did not work: " + troubles.join("; ") + ". Please report it.";
}
addEventListener("error", (event) => recordTrouble(event.message));
addEventListener("unhandledrejection", (event) => recordTrouble(event.reason));
addEventListener("securitypolicyviolation", (event) => recordTrouble("blocked " + event.blockedURI));
