// SPDX-License-Identifier: Apache-2.0
"use strict";
// Tables: every number of every picture stands in one. Texts enter as text nodes only, never as markup.

const SVG = "http://www.w3.org/2000/svg";

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

/** A short stretch of the policy's line with its marker, for chips and table heads. */
function lineSample(policy) {
  const make = (name, attributes) => {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) { made.setAttribute(key, value); }
    return made;
  };
  const stroke = strokeOf(policy);
  const svg = make("svg", { class: "sample", viewBox: "0 0 26 12", "aria-hidden": "true" });
  svg.append(make("line", {
    x1: 0, y1: 6, x2: 26, y2: 6, stroke, "stroke-width": 2.4, "stroke-dasharray": policy.dash.join(" "),
  }));
  const shapes = {
    circle: ["circle", { cx: 13, cy: 6, r: 3.6 }],
    rect: ["rect", { x: 9.8, y: 2.8, width: 6.4, height: 6.4 }],
    triangle: ["polygon", { points: "13,1.8 17,9.2 9,9.2" }],
    rectRot: ["polygon", { points: "13,1.4 17.6,6 13,10.6 8.4,6" }],
  };
  const [shape, attributes] = shapes[policy.marker] ?? shapes.circle;
  svg.append(make(shape, { ...attributes, fill: stroke }));
  return svg;
}

function policyHead(policy) {
  const name = element("span", { textContent: policy.name, title: policy.name });
  name.dataset.policy = policy.name;
  return element("span", { className: "who" }, lineSample(policy), name);
}

/**
 * Fills `host` with a table.
 * columns: [{label, unit}], the first for the row heads.
 * rows: [{head: node or text, cells: [{text, small, value, best, left, heat}], ideal, group, here}].
 */
function renderTable(host, { caption, columns, rows, long }) {
  if (rows.length === 0) {
    host.replaceChildren(element("p", { className: "nothing", textContent: "No policy is chosen above." }));
    return;
  }
  const heads = columns.map(({ label, unit }) => {
    const head = element("th", { scope: "col" }, label);
    if (unit) { head.append(element("small", { textContent: unit })); }
    return head;
  });
  const body = element("tbody", {}, ...rows.map((row) => renderRow(row, columns.length)));
  const table = element("table", {}, element("thead", {}, element("tr", {}, ...heads)), body);
  const scroll = element("div", { className: long ? "scroll long" : "scroll", tabIndex: 0 }, table);
  scroll.setAttribute("role", "region");
  // Not a caption element: that would be as wide as the table, and scroll away on a phone.
  const title = element("p", { className: "caption", id: host.id + "-caption", textContent: caption });
  table.setAttribute("aria-labelledby", title.id);
  scroll.setAttribute("aria-labelledby", title.id);
  host.replaceChildren(title, scroll);
}

function renderRow(row, width) {
  const made = element("tr");
  for (const kind of ["ideal", "group", "here"]) { made.classList.toggle(kind, Boolean(row[kind])); }
  const head = element("th", { scope: row.group ? "colgroup" : "row" }, row.head);
  if (row.group) { head.colSpan = width; }
  made.append(head);
  for (const cell of row.cells ?? []) { made.append(renderCell(cell)); }
  return made;
}

function renderCell(cell) {
  const made = element("td", {}, cell.text);
  if (known(cell.value)) { made.dataset.value = cell.value; }
  if (cell.left) { made.classList.add("left"); }
  if (cell.best) {
    made.classList.add("best");
    made.setAttribute("aria-label", cell.text + ", best");
  }
  if (cell.small) { made.append(element("small", { textContent: cell.small })); }
  if (cell.mono) { made.classList.add("mono"); }
  if (cell.heat !== undefined) {
    made.classList.add("heat", cell.heat > 0 ? "over" : "under");
    made.style.setProperty("--heat", Math.round(Math.min(Math.abs(cell.heat), 1) * 60));
  }
  return made;
}

/**
 * Marks the best cells of every column among rows that are no idealised ones; what reads the same is equally good.
 * Nothing is marked where there is no choice, or where more than half are best.
 */
function markBest(rows, better) {
  const real = rows.filter((row) => !row.ideal && !row.group);
  const width = Math.max(0, ...real.map((row) => row.cells.length));
  for (let column = 0; column < width; ++column) {
    const judged = (cell) => cell && known(cell.value) && !cell.unjudged;
    markBestOf(real.map((row) => row.cells[column]).filter(judged), better);
  }
}

function markBestOf(cells, better) {
  if (cells.length < 2) { return; }
  const best = cells.reduce((a, b) => ((better === "high" ? b.value > a.value : b.value < a.value) ? b : a));
  const winners = cells.filter((cell) => cell.text === best.text);
  if (winners.length <= cells.length / 2) { for (const cell of winners) { cell.best = true; } }
}

/** "± 12" with as many decimals as the mean it belongs to; nothing with one seed. */
function spread(half, mean, factor = 1) {
  if (!known(half)) { return undefined; }
  if (half === 0) { return "\u00b1 0"; }
  if (Math.abs((mean ?? 0) * factor) < TINY && mean) { return "\u00b1 " + formatNumber(half * factor); }
  const decimals = (formatNumber((mean ?? 0) * factor).split(".")[1] ?? "").length;
  const rounded = Number((half * factor).toFixed(decimals));
  const shown = rounded === 0 ? 10 ** -decimals : rounded;
  return "\u00b1 " + (rounded === 0 ? "<" : "") +
    shown.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

function estimateCell([mean, half], format = formatNumber, more = {}) {
  return { text: format(mean), small: spread(half, mean), value: mean ?? undefined, ...more };
}

/** One unit for a column of times, that of its smallest value; none if others would have five digits in it. */
function columnUnit(values) {
  const sizes = values.filter((value) => known(value) && value > 0);
  if (sizes.length === 0) { return unitFor(1); }
  const unit = unitFor(Math.min(...sizes));
  return Math.max(...sizes) * unit.factor >= 9995 && unit !== UNITS.at(-1) ? undefined : unit;
}

/** A time in the unit of its column, or in its own with the unit behind it. */
function timeCell(mean, half, unit, withUnit = false) {
  if (!known(mean)) { return { text: DASH }; }
  const { name, factor } = unit ?? unitFor(mean);
  return { text: formatNumber(mean * factor) + (unit && !withUnit ? "" : "\u00a0" + name),
    small: spread(half, mean, factor), value: mean };
}

/**
 * The columns and cells of one distribution over several outcomes.
 * pick(outcome) -> {mean: [9], half: [9] or null}; seconds: whether the quantity is a time.
 */
function distributionColumns(names, outcomes, pick, seconds) {
  return names.map((label, i) => {
    const unit = seconds ? columnUnit(outcomes.map((outcome) => pick(outcome).mean[i])) : undefined;
    return {
      label, unit: unit?.name ?? "",
      cell: (outcome) => (seconds ? timeCell(pick(outcome).mean[i], pick(outcome).half?.[i], unit)
        : estimateCell(estimateAt(pick(outcome), i))),
    };
  });
}

/** One column of a distribution as a mean and half of its interval. */
function estimateAt(distribution, i) { return [distribution.mean[i], distribution.half ? distribution.half[i] : null]; }
