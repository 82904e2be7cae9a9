// SPDX-License-Identifier: Apache-2.0
"use strict";
// The controls, and everything together.

function optionsOf(key) {
  const values = [...new Set(report.scenarios.map((scenario) => scenario[key]))];
  return key === "workload" ? values.sort() : values.sort((a, b) => a - b);
}

/** The scenario with `value` for `key` that shares most with the one shown. */
function nearestScenario(key, value) {
  const likeness = (scenario) => KEYS.filter((k) => scenario[k] === state.scenario[k]).length;
  return report.scenarios.filter((scenario) => scenario[key] === value)
    .reduce((best, scenario) => (likeness(scenario) > likeness(best) ? scenario : best));
}

function buildSelectors() {
  for (const key of KEYS) {
    const values = optionsOf(key);
    const select = at("select-" + key);
    select.append(...values.map((value, i) => element("option", { value: i, textContent: KEY_NAMES[key](value) })));
    select.closest("label").hidden = values.length < 2;
    select.addEventListener("change", () => {
      state.scenario = nearestScenario(key, values[Number(select.value)]);
      refresh();
    });
  }
}

function buildChips() {
  const legend = at("chips").querySelector("legend");
  at("chips").replaceChildren(legend, ...report.policies.map((policy) => {
    const box = element("input", { type: "checkbox", checked: !state.hidden.has(policy.index) });
    box.addEventListener("change", () => {
      togglePolicy(policy.index);
      at("chips").querySelectorAll("input")[policy.index].focus();
    });
    const chip = element("label", { className: "chip" }, box, lineSample(policy),
      element("span", { textContent: policy.name }));
    chip.dataset.policy = policy.name;
    return chip;
  }));
}

/** What is chosen stands in the address, so that a view can be linked to. */
function readAddress() {
  const from = new URLSearchParams(location.hash.slice(1));
  const scenario = report.scenarios[Number(from.get("scenario") ?? NaN)];
  if (scenario) { state.scenario = scenario; }
  if (from.has("without")) {
    state.hidden = new Set(from.get("without").split(".").filter(Boolean).map(Number));
  } else {
    state.hidden = new Set(report.policies.slice(SHOWN_AT_FIRST).filter((p) => !p.idealised || p.name !== report.oracle)
      .map((p) => p.index));
  }
}

function writeAddress() {
  const parts = "scenario=" + state.scenario.index + "&without=" + [...state.hidden].sort((a, b) => a - b).join(".");
  try { history.replaceState(null, "", "#" + parts); } catch { /* a sandboxed frame has no history */ }
}

const SECTIONS = [showScenario, showTurnaround, showLoads, showEverywhere, showSlowdown, showRte, showGroups, showDelay,
  showSwitches, showCost, showOverhead, showRuns];

function refresh() {
  for (const key of KEYS) { at("select-" + key).value = optionsOf(key).indexOf(state.scenario[key]); }
  buildChips();
  for (const section of SECTIONS) {
    try { section(); } catch (failure) { recordTrouble(section.name + ": " + failure.message); }
  }
  writeAddress();
}

function installTheme() {
  const button = at("theme");
  const themes = ["automatic", "light", "dark"];
  button.hidden = false;
  button.addEventListener("click", () => {
    const next = themes[(themes.indexOf(document.documentElement.dataset.theme ?? "automatic") + 1) % themes.length];
    if (next === "automatic") { delete document.documentElement.dataset.theme; } else {
      document.documentElement.dataset.theme = next;
    }
    button.textContent = "Theme: " + next;
    refresh();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", refresh);
  let before;
  addEventListener("beforeprint", () => { // paper is light
    before = document.documentElement.dataset.theme;
    document.documentElement.dataset.theme = "light";
    refresh();
  });
  addEventListener("afterprint", () => {
    if (before === undefined) { delete document.documentElement.dataset.theme; } else {
      document.documentElement.dataset.theme = before;
    }
    refresh();
  });
}

function start() {
  readAddress();
  at("load-figure").append(...FIGURES.map((f) => element("option", { value: f.id, textContent: f.label })));
  buildSelectors();
  installTheme();
  const descriptions = new Map(report.policies.map((policy) => [policy.name, policy.description]));
  installTooltips(descriptions);
  writeGlossary(at("words"), descriptions);
  for (const id of ["turnaround-view", "groups-figure", "delay-figure", "delay-log", "load-log", "load-figure"]) {
    at(id).addEventListener("change", refresh);
  }
  for (const button of document.querySelectorAll("[data-save]")) {
    button.addEventListener("click", () => savePicture(button.dataset.save,
      `hpcsched ${button.dataset.save.slice(6)} ${scenarioName(state.scenario)}`));
  }
  addEventListener("hashchange", () => { readAddress(); refresh(); });
  at("controls").addEventListener("submit", (event) => event.preventDefault());
  at("chips").hidden = report.policies.length < 2;
  at("controls").hidden = report.policies.length < 2 && report.scenarios.length < 2;
  at("main").hidden = false;
  refresh();
  document.documentElement.dataset.rendered = pictures.size;
}

start();
