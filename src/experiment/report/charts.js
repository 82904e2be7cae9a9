// SPDX-License-Identifier: Apache-2.0
"use strict";
// Pictures: what all of them share, on top of Chart.js.

const pictures = new Map(); // canvas id -> Chart

function colour(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function strokeOf(policy) { return isDark() ? policy.dark : policy.light; }

/** A line in the policy's colour, dashes and marker; `points` are {x, y}. */
function lineOf(policy, points, more) {
  const stroke = strokeOf(policy);
  return {
    label: policy.name, policy: policy.index, data: points, borderColor: stroke, backgroundColor: stroke,
    borderDash: policy.dash, borderWidth: policy.idealised ? 1.8 : 2.4, pointStyle: policy.marker, pointRadius: 0,
    pointHitRadius: 8, spanGaps: true, ...more,
  };
}

/**
 * A distribution as the stairs that it is: the share stays until the next value, and jumps there. With `tail`, what is
 * left to 1. `end` marks the corners that are no point of the distribution: the first value's foot, and the last one's.
 */
function stairsOf(policy, { value, ppm }, tail) {
  const steps = value.map((x, i) => ({ x, y: tail ? 1 - ppm[i] / 1e6 : ppm[i] / 1e6 })).filter((point) => point.x > 0);
  if (steps.length === 0) { return lineOf(policy, steps); }
  const points = [{ x: steps[0].x, y: tail ? 1 : 0, end: "quickest" }, ...steps.filter((point) => point.y > 5e-7)];
  if (tail) { points.push({ x: steps.at(-1).x, y: points.at(-1).y, end: "slowest" }); }
  return lineOf(policy, points, { stepped: "before", clip: 3 }); // rises at either end of the axis whole
}

/** Fills the ground, so that a saved picture is not transparent. */
const groundPlugin = {
  id: "ground",
  beforeDraw(chart) {
    chart.ctx.save();
    chart.ctx.fillStyle = colour("--panel");
    chart.ctx.fillRect(0, 0, chart.width, chart.height);
    chart.ctx.restore();
  },
};

/** Draws `dataset.whiskers`, [{x, low, high}], as 95 % intervals. */
const whiskerPlugin = {
  id: "whiskers",
  afterDatasetsDraw(chart) {
    const { ctx, scales: { x, y }, chartArea: area } = chart;
    ctx.save();
    ctx.beginPath();
    ctx.rect(area.left, area.top, area.width, area.height);
    ctx.clip();
    ctx.lineWidth = 1.3;
    for (const dataset of chart.data.datasets) {
      ctx.strokeStyle = dataset.borderColor;
      for (const whisker of dataset.whiskers ?? []) {
        const at = x.getPixelForValue(whisker.x);
        const [low, high] = [whisker.low, whisker.high].map((v) => y.getPixelForValue(Math.max(v, y.min)));
        ctx.beginPath();
        ctx.moveTo(at, low);
        ctx.lineTo(at, high);
        for (const end of [low, high]) {
          ctx.moveTo(at - 4, end);
          ctx.lineTo(at + 4, end);
        }
        ctx.stroke();
      }
    }
    ctx.restore();
  },
};

/** 1, 10, 100 over many decades; 1, 2, 5 or finer over few. */
function logTicks(low, high) {
  const decades = Math.log10(high / low);
  const steps = decades > 4 ? [1] : decades > 2 ? [1, 3] : decades > 0.8 ? [1, 2, 5] : [1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9];
  const ticks = [];
  for (let exponent = Math.floor(Math.log10(low)); exponent <= Math.log10(high); ++exponent) {
    for (const step of steps) {
      const value = Number((step * 10 ** exponent).toPrecision(6));
      if (value >= low * 0.9999 && value <= high * 1.0001) { ticks.push({ value }); }
    }
  }
  return ticks;
}

function extent(datasets, key) {
  let [low, high] = [Infinity, -Infinity];
  for (const dataset of datasets) {
    for (const point of dataset.data) {
      if (known(point[key])) {
        low = Math.min(low, point[key]);
        high = Math.max(high, point[key]);
      }
    }
    if (key === "y") {
      for (const whisker of dataset.whiskers ?? []) { high = Math.max(high, whisker.high); }
    }
  }
  return low <= high ? [low, high] : [0, 1];
}

/** An axis; `spec` has {title, log, format, min, max, names}; names, [short, rest or nothing], label 0, 1, 2 .. */
function axisOf(datasets, key, spec) {
  const axis = {
    type: spec.log ? "logarithmic" : "linear",
    title: { display: true, text: spec.title, color: colour("--muted"), font: { size: 12 } },
    ticks: { color: colour("--muted"), maxRotation: 0, autoSkipPadding: 14, callback: (value) => spec.format(value) },
    grid: { color: colour("--grid"), drawTicks: false, borderColor: colour("--faint") },
    min: spec.min, max: spec.max,
  };
  const [low, high] = extent(datasets, key);
  if (spec.log) {
    // Room for the markers at either end, as a part of the axis however many decades it has.
    const room = key === "y" ? Math.max(1.15, (high / Math.max(low, 1e-12)) ** 0.05) : 1;
    axis.min = spec.min ?? Math.max(low, 1e-12) / room;
    axis.max = spec.max ?? Math.max(high, axis.min * 1.01) * room;
    axis.afterBuildTicks = (scale) => { scale.ticks = logTicks(scale.min, scale.max); };
  } else if (spec.names) {
    axis.min = -0.25;
    axis.max = spec.names.length - 0.75;
    axis.afterBuildTicks = (scale) => { scale.ticks = spec.names.map((name, value) => ({ value })); };
    axis.ticks.callback = function label(value) {
      const [short, rest] = spec.names[value] ?? [""];
      return rest && this.chart.width > 560 ? [short, rest] : short;
    };
    axis.ticks.autoSkip = false;
    axis.ticks.maxRotation = 60;
  } else if (key === "x" && spec.room && axis.min === undefined) {
    const room = high > low ? (high - low) * 0.03 : 0.5;
    axis.min = low - room;
    axis.max = high + room;
    if (spec.ticks) { axis.afterBuildTicks = (scale) => { scale.ticks = spec.ticks.map((value) => ({ value })); }; }
  } else if (key === "y") {
    axis.beginAtZero = true;
  }
  return axis;
}

function legendOptions(onPolicy) {
  return {
    position: "bottom",
    onClick: (event, item, legend) => {
      const policy = legend.chart.data.datasets[item.datasetIndex].policy;
      if (policy !== undefined) { onPolicy(policy); }
    },
    labels: {
      color: colour("--ink"), usePointStyle: true, pointStyleWidth: 30, boxHeight: 7, padding: 12,
      generateLabels: (chart) => chart.data.datasets.map((dataset, index) => ({
        text: dataset.bar ? dataset.label : shortName(dataset.label), datasetIndex: index,
        fontColor: colour("--ink"), strokeStyle: dataset.borderColor,
        fillStyle: dataset.backgroundColor, lineWidth: 2.2, lineDash: dataset.borderDash ?? [],
        pointStyle: dataset.bar ? "rect" : "line",
      })),
    },
  };
}

function shortName(name) { return [...name].length > 28 ? [...name].slice(0, 27).join("") + "\u2026" : name; }

function tooltipOptions(callbacks) {
  return {
    backgroundColor: colour("--ink"), titleColor: colour("--panel"), bodyColor: colour("--panel"), padding: 9,
    cornerRadius: 8, usePointStyle: true, boxPadding: 5, callbacks,
  };
}

/** Replaces what the canvas shows, and says in words what it is for those who cannot see it. */
function show(id, config, words) {
  pictures.get(id)?.destroy();
  const canvas = document.getElementById(id);
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", words);
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  Chart.defaults.font.size = 12;
  const chart = new Chart(canvas, { ...config, plugins: [groundPlugin, whiskerPlugin] });
  pictures.set(id, chart);
  canvas.dataset.points = chart.data.datasets.reduce((sum, dataset) => sum + dataset.data.length, 0);
}

/** Lines; `spec` has {x, y, label(point, name), onPolicy, words}. */
function showLines(id, datasets, spec) {
  show(id, {
    type: "line",
    data: { datasets },
    options: {
      animation: false, responsive: true, maintainAspectRatio: false, normalized: true, parsing: false,
      interaction: { mode: "nearest", intersect: false, axis: "xy" },
      layout: { padding: { top: 6, right: 10 } },
      scales: { x: axisOf(datasets, "x", spec.x), y: axisOf(datasets, "y", spec.y) },
      plugins: {
        legend: legendOptions(spec.onPolicy),
        tooltip: tooltipOptions({
          title: () => "", label: (item) => spec.label(item.raw, item.dataset.label),
        }),
      },
    },
  }, spec.words);
}

/** Horizontal bars, one per name; `spec` has {names, title, format, stacked, legend, mark, words}. */
function showBars(id, datasets, spec) {
  for (const dataset of datasets) { dataset.bar = true; }
  show(id, {
    type: "bar",
    data: { labels: spec.names.map(shortName), datasets },
    options: {
      indexAxis: "y", animation: false, responsive: true, maintainAspectRatio: false,
      layout: { padding: { top: 6, right: 10 } },
      scales: {
        x: {
          stacked: spec.stacked, beginAtZero: true,
          title: { display: true, text: spec.title, color: colour("--muted") },
          ticks: { color: colour("--muted"), maxRotation: 0, callback: (value) => spec.format(value) },
          grid: { color: colour("--grid"), drawTicks: false, borderColor: colour("--faint") },
        },
        y: {
          stacked: spec.stacked, ticks: { color: colour("--ink"), autoSkip: false },
          grid: { display: false, borderColor: colour("--faint") },
        },
      },
      plugins: {
        legend: spec.legend ? legendOptions(() => {}) : { display: false },
        tooltip: tooltipOptions({
          label: (item) => (spec.legend ? item.dataset.label + ": " : "") + spec.format(item.parsed.x),
        }),
      },
    },
  }, spec.words);
}

function savePicture(id, name) {
  const link = document.createElement("a");
  link.href = pictures.get(id).toBase64Image("image/png");
  link.download = name.replace(/[^A-Za-z0-9.-]+/g, "-") + ".png";
  link.click();
}
