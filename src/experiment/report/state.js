// SPDX-License-Identifier: Apache-2.0
"use strict";
// What the page shows: its data, and what of it is chosen.

const report = JSON.parse(document.getElementById("data").textContent);
report.policies.forEach((policy, index) => { policy.index = index; });
report.scenarios.forEach((scenario, index) => { scenario.index = index; });

const KEYS = ["workload", "load", "cv", "cpus"];
const KEY_NAMES = { workload: (v) => v, load: loadName, cv: cvName, cpus: (v) => formatCount(v) };
const SHOWN_AT_FIRST = 9; // more lines than that are no picture
const FIGURES = [
  ...report.statistics.map((name, i) => ({
    id: "turnaround:" + i, label: name + " turnaround", pick: (o) => estimateAt(o.turnaround, i), format: formatSeconds,
    tick: tickSeconds,
  })),
  { id: "slowdown:0", label: "mean slowdown", pick: (o) => estimateAt(o.slowdown, 0), format: formatTimes,
    tick: tickNumber },
  { id: "slowdown:5", label: "p99 slowdown", pick: (o) => estimateAt(o.slowdown, 5), format: formatTimes,
    tick: tickNumber },
  { id: "queueing:0", label: "mean queueing delay", pick: (o) => estimateAt(o.queueing, 0), format: formatSeconds,
    tick: tickSeconds },
  { id: "switches", label: "context switches per task", pick: (o) => o.figures.switches_mean, format: formatNumber,
    tick: tickNumber },
  { id: "billed", label: "billed cost / ideal", pick: (o) => o.figures.billed_ratio, format: formatTimes,
    tick: tickNumber },
];

const state = { scenario: report.scenarios[report.opening], hidden: new Set() };
const at = (id) => document.getElementById(id);

function policyOf(outcome) { return report.policies[outcome.policy]; }
function visible() { return state.scenario.outcomes.filter((outcome) => !state.hidden.has(outcome.policy)); }
function seedCount() { return Math.max(0, ...visible().map((outcome) => outcome.seeds.length)); }
function names(outcomes) { return outcomes.map((outcome) => policyOf(outcome).name).join(", "); }

function togglePolicy(index) {
  if (!state.hidden.delete(index)) { state.hidden.add(index); }
  refresh();
}
