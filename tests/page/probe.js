// SPDX-License-Identifier: Apache-2.0
"use strict";
// Runs inside a report, after the page's own scripts: uses it as a reader would, and writes down what is to be seen.

const probe = { steps: {} };

/** How much of a picture is drawn on, and which of the wanted colours ("#rrggbb") occur, with how many pixels. */
function inspectCanvas(canvas, wanted) {
  const { width, height } = canvas;
  const found = { id: canvas.id, width, height, drawn: 0, colours: 0, wanted: {}, role: canvas.getAttribute("role"),
    label: canvas.getAttribute("aria-label") ?? "", points: Number(canvas.dataset.points ?? 0) };
  if (width === 0 || height === 0) { return found; }
  // A copy: reading the canvas itself many times makes the browser complain.
  const copy = Object.assign(document.createElement("canvas"), { width, height }).getContext("2d",
    { willReadFrequently: true });
  copy.drawImage(canvas, 0, 0);
  // Only what lies between the axes: a legend has every colour, whether a line is drawn or not.
  const area = pictures.get(canvas.id).chartArea;
  const scale = width / canvas.clientWidth;
  const { data } = copy.getImageData(...[area.left + 2, area.top, area.width - 2, area.height - 2]
    .map((pixels) => Math.round(pixels * scale)));
  const ground = (data[0] << 16) | (data[1] << 8) | data[2];
  const counts = new Map();
  for (let i = 0; i < data.length; i += 4) {
    const pixel = (data[i] << 16) | (data[i + 1] << 8) | data[i + 2];
    counts.set(pixel, (counts.get(pixel) ?? 0) + 1);
    if (pixel !== ground) { ++found.drawn; }
  }
  found.colours = counts.size;
  for (const hex of wanted) { found.wanted[hex] = counts.get(parseInt(hex.slice(1), 16)) ?? 0; }
  return found;
}

function inspectCharts() {
  const key = isDark() ? "dark" : "light";
  const wanted = report.policies.map((policy) => policy[key]);
  return [...document.querySelectorAll("canvas")].filter((canvas) => canvas.offsetParent !== null)
    .map((canvas) => inspectCanvas(canvas, wanted));
}

/**
 * How the first line of a picture gets from point to point: whether its colour is found halfway along the flat of each
 * step, halfway up its rise, and halfway along the straight line between the two; with the step's size in pixels.
 */
function inspectSteps(id) {
  const chart = pictures.get(id);
  const { canvas } = chart;
  const scale = canvas.width / canvas.clientWidth;
  const copy = Object.assign(document.createElement("canvas"), { width: canvas.width, height: canvas.height })
    .getContext("2d", { willReadFrequently: true });
  copy.drawImage(canvas, 0, 0);
  const wanted = parseInt(chart.data.datasets[0].borderColor.slice(1), 16);
  const isDrawn = (x, y) => {
    const { data } = copy.getImageData(Math.round(x * scale) - 1, Math.round(y * scale) - 1, 3, 3);
    for (let i = 0; i < data.length; i += 4) {
      if (((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]) === wanted) { return true; }
    }
    return false;
  };
  const corners = chart.getDatasetMeta(0).data;
  return corners.slice(1).map((to, i) => {
    const from = corners[i];
    const middle = { x: (from.x + to.x) / 2, y: (from.y + to.y) / 2 };
    return { dx: to.x - from.x, dy: Math.abs(to.y - from.y), flat: isDrawn(middle.x, from.y),
      rise: isDrawn(to.x, middle.y), straight: isDrawn(middle.x, middle.y) };
  });
}

function readTable(id) {
  const cellOf = (cell) => ({
    text: cell.firstChild?.textContent ?? "", small: cell.querySelector("small")?.textContent ?? "",
    value: cell.dataset.value ?? "", best: cell.classList.contains("best"),
  });
  return {
    columns: [...document.querySelectorAll(`#${id} thead th`)].map((th) => ({
      label: th.firstChild?.textContent ?? "", unit: th.querySelector("small")?.textContent ?? "" })),
    rows: [...document.querySelectorAll(`#${id} tbody tr`)].map((row) => ({
      head: row.querySelector("th").textContent, group: row.classList.contains("group"),
      ideal: row.classList.contains("ideal"), cells: [...row.querySelectorAll("td")].map(cellOf),
    })),
  };
}

function readTables() {
  const tables = {};
  for (const host of document.querySelectorAll("[id^=table-]")) { tables[host.id.slice(6)] = readTable(host.id); }
  return tables;
}

function snapshot() {
  return { scenario: document.getElementById("scenario").textContent, charts: inspectCharts(), tables: readTables(),
    address: location.hash };
}

function choose(id, value) {
  const select = document.getElementById(id);
  select.value = value;
  select.dispatchEvent(new Event("change", { bubbles: true }));
}

/** The ids of charts that look different in two snapshots. */
function changedCharts(before, after) {
  const print = (chart) => JSON.stringify([chart.drawn, chart.wanted]);
  return after.charts.filter((chart) => {
    const old = before.charts.find((c) => c.id === chart.id);
    return !old || print(old) !== print(chart);
  }).map((chart) => chart.id);
}

/** What a person who cannot see or use a mouse would stumble over. */
function inspectAccess() {
  const problems = [];
  const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
  for (const id of ids) {
    if (ids.indexOf(id) !== ids.lastIndexOf(id)) { problems.push("two elements with id " + id); }
  }
  for (const field of document.querySelectorAll("select, input")) {
    if (!field.closest("label")?.textContent.trim()) { problems.push("no label: " + field.id); }
  }
  for (const button of document.querySelectorAll("button")) {
    if (!button.textContent.trim()) { problems.push("button without text"); }
  }
  for (const table of document.querySelectorAll("table")) {
    const title = document.getElementById(table.getAttribute("aria-labelledby"));
    if (!title?.textContent) { problems.push("table without a name"); }
    if (!table.querySelector("thead th[scope=col]")) { problems.push("table without heads"); }
  }
  for (const term of document.querySelectorAll("[data-term]")) {
    if (!(term.dataset.term in GLOSSARY)) { problems.push("no words for " + term.dataset.term); }
  }
  if (document.querySelectorAll("h1").length !== 1) { problems.push("not one h1"); }
  if (document.documentElement.lang === "") { problems.push("no language"); }
  return problems;
}

function inspectTooltip() {
  const tip = document.getElementById("tip");
  const term = document.querySelector("#slowdown [data-term=slowdown]");
  term.dispatchEvent(new FocusEvent("focusin", { bubbles: true }));
  const shown = { visible: !tip.hidden, text: tip.textContent, described: term.getAttribute("aria-describedby") };
  document.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
  return { ...shown, gone: tip.hidden };
}

/** Every element that sticks out of the page at the width of a small phone, and charts wider than their cards. */
function inspectNarrow() {
  const width = document.documentElement.clientWidth;
  const out = [];
  if (document.documentElement.scrollWidth > width) { out.push("the page scrolls sideways"); }
  for (const element of document.querySelectorAll(".card, .controls, .top, canvas")) {
    const box = element.getBoundingClientRect();
    if (element.offsetParent !== null && box.right > width + 1) { out.push(element.id || element.className); }
  }
  return { width, out };
}

function interact() {
  probe.steps.opening = snapshot();
  probe.steps.stairs = { done: inspectSteps("chart-turnaround"), rte: inspectSteps("chart-rte") };
  choose("turnaround-view", "tail");
  probe.steps.tail = changedCharts(probe.steps.opening, snapshot());
  probe.steps.stairs.tail = inspectSteps("chart-turnaround");
  choose("turnaround-view", "cdf");
  // The chips are made anew at every change.
  const chip = (i) => document.querySelectorAll("#chips input")[i];
  chip(0).click();
  const without = snapshot();
  probe.steps.withoutFirst = { rows: without.tables.turnaround.rows.map((row) => row.head), address: without.address,
    changed: changedCharts(probe.steps.opening, without), wanted: without.charts[0].wanted };
  for (const policy of report.policies) { if (chip(policy.index).checked) { chip(policy.index).click(); } }
  probe.steps.withoutAll = document.getElementById("table-turnaround").textContent;
  for (const policy of report.policies) { chip(policy.index).click(); }
  const loads = document.getElementById("select-load").options.length;
  if (loads > 1) {
    choose("select-load", "0");
    probe.steps.otherLoad = snapshot();
  }
  choose("load-figure", "turnaround:5");
  probe.steps.otherFigure = { label: document.getElementById("load-sub").textContent,
    charts: changedCharts(probe.steps.opening, snapshot()) };
  document.getElementById("theme").click(); // light
  document.getElementById("theme").click(); // dark
  probe.steps.themed = { theme: document.documentElement.dataset.theme, charts: inspectCharts(),
    ground: getComputedStyle(document.body).backgroundColor };
  document.getElementById("theme").click();
  probe.steps.tooltip = inspectTooltip();
  probe.access = inspectAccess();
}

function finishProbe() {
  probe.took = performance.now();
  probe.width = innerWidth;
  probe.troubles = troubles;
  probe.owned = document.documentElement.dataset.owned ?? "";
  probe.requests = performance.getEntriesByType("resource").map((entry) => entry.name);
  probe.scripts = document.scripts.length;
  probe.images = document.images.length;
  probe.title = document.title;
  probe.heading = document.querySelector("h1").textContent;
  probe.verdict = document.querySelector(".verdict").textContent;
  probe.command = document.querySelector(".command code")?.textContent ?? "";
  probe.chips = [...document.querySelectorAll("#chips label")].map((label) => label.textContent);
  const result = document.createElement("script");
  result.type = "application/json";
  result.id = "probe";
  result.textContent = JSON.stringify(probe).replaceAll("<", "\\u003c");
  document.body.append(result);
}

try {
  if (document.documentElement.dataset.probe !== "look") { interact(); }
} catch (failure) {
  troubles.push("probe: " + failure.stack);
}
// Charts follow the width of their cards in later frames.
document.documentElement.style.width = "360px";
setTimeout(() => {
  probe.narrow = inspectNarrow();
  finishProbe();
}, 1500);
