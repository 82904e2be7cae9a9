// SPDX-License-Identifier: Apache-2.0
"use strict";
// One function per section of the page: it shows the chosen scenario and policies.

function showTurnaround() {
  const tail = at("turnaround-view").value === "tail";
  const outcomes = visible();
  const lines = outcomes.map((outcome) => {
    return stairsOf(policyOf(outcome), outcome.turnaround_cdf, tail);
  });
  at("turnaround-sub").textContent = tail
    ? "Share of tasks not yet done after a time: the far right is what the unluckiest wait. Lower is better."
    : "Share of tasks done within a time. Further left is better.";
  showLines("chart-turnaround", lines, {
    x: { title: "turnaround (arrival to exit), logarithmic", log: true, format: tickSeconds },
    y: tail ? { title: "share of tasks still in the system, logarithmic", log: true, max: 1, format: formatShare }
      : { title: "share of tasks done", min: 0, max: 1, format: formatShare },
    label: (point, name) => name + ": " + (point.end
      ? `the ${point.end} takes ${formatSeconds(point.x)}`
      : formatShare(point.y) + (tail ? " take longer than " : " done within ") + formatSeconds(point.x)),
    onPolicy: togglePolicy,
    words: "Distribution of turnaround for " + names(outcomes) + ". The table below has the numbers.",
  });
  const columns = distributionColumns(report.statistics, outcomes, (o) => o.turnaround, true);
  const rows = outcomes.map((outcome) => ({
    head: policyHead(policyOf(outcome)), ideal: policyOf(outcome).idealised, cells: columns.map((c) => c.cell(outcome)),
  }));
  const versus = [["oracle", report.oracle], ["baseline", report.baseline]]
    .filter(([role]) => outcomes.length > 1 && outcomes.some((o) => known(o.figures["versus_" + role][0])));
  for (const [role] of versus) {
    rows.forEach((row, i) => row.cells.push(estimateCell(outcomes[i].figures["versus_" + role], formatNumber,
      { unjudged: true })));
  }
  markBest(rows, "low");
  renderTable(at("table-turnaround"), {
    caption: "Turnaround" + captionOfSeeds() + bestNote(outcomes),
    columns: [{ label: "policy" }, ...columns,
      ...versus.map(([, name]) => ({ label: "mean / " + shortName(name), unit: "\u00d7" }))],
    rows,
  });
}

function captionOfSeeds() {
  return seedCount() > 1 ? `, mean of ${seedCount()} seeds \u00b1 half of the 95 % interval` : "";
}

function bestNote(outcomes) {
  const real = outcomes.filter((outcome) => !policyOf(outcome).idealised).length;
  if (real < 2) { return ""; }
  return ". \u2605 is the lowest" + (real < outcomes.length ? " of those a real machine can run." : ".");
}

function alikeInAllButLoad(scenario) {
  return ["workload", "cv", "cpus"].every((key) => scenario[key] === state.scenario[key]);
}

function showLoads() {
  const figure = FIGURES.find((f) => f.id === at("load-figure").value);
  const scenarios = report.scenarios.filter(alikeInAllButLoad);
  at("over-load").hidden = scenarios.length < 2;
  if (scenarios.length < 2) { return; }
  const log = at("load-log").checked;
  const policies = report.policies.filter((policy) => !state.hidden.has(policy.index));
  const loadOf = (scenario, outcome) => scenario.load || outcome.figures.offered_load[0];
  const lines = policies.map((policy) => {
    const points = [];
    const whiskers = [];
    for (const scenario of scenarios) {
      const outcome = scenario.outcomes.find((o) => o.policy === policy.index);
      const [mean, half] = outcome ? figure.pick(outcome) : [null];
      if (!known(mean) || (log && mean <= 0)) { continue; }
      points.push({ x: loadOf(scenario, outcome), y: mean, half });
      if (known(half)) { whiskers.push({ x: loadOf(scenario, outcome), low: mean - half, high: mean + half }); }
    }
    points.sort((a, b) => a.x - b.x);
    return lineOf(policy, points, { pointRadius: 4, whiskers });
  }).filter((line) => line.data.length > 0);
  at("load-sub").textContent = `${capital(figure.label)} versus offered load` +
    (seedCount() > 1 ? "; whiskers are 95 % intervals over the seeds." : ".");
  showLines("chart-load", lines, {
    x: { title: "offered load", room: true, format: tickNumber, ticks: loadTicks(lines) },
    y: { title: figure.label + (log ? ", logarithmic" : ""), log, format: figure.tick },
    label: (point, name) => `${name}, load ${tickNumber(point.x)}: ${figure.format(point.y)}` +
      (known(point.half) ? ` \u00b1 ${figure.format(point.half)}` : ""),
    onPolicy: togglePolicy,
    words: `${capital(figure.label)} versus offered load, for ${policies.map((p) => p.name).join(", ")}. ` +
      "The numbers are below the picture.",
  });
  renderTable(at("table-load"), {
    caption: capital(figure.label) + " at each load",
    columns: [{ label: "policy" }, ...scenarios.map((s) => ({ label: "load " + loadName(s.load) }))],
    rows: policies.map((policy) => ({
      head: policyHead(policy), ideal: policy.idealised,
      cells: scenarios.map((scenario) => {
        const outcome = scenario.outcomes.find((o) => o.policy === policy.index);
        const [mean, half] = outcome ? figure.pick(outcome) : [null, null];
        return { text: figure.format(mean), small: known(half) ? "\u00b1 " + figure.format(half) : undefined,
          value: mean ?? undefined };
      }),
    })),
  });
}

/** The loads themselves, where they are few. */
function loadTicks(lines) {
  const loads = [...new Set(lines.flatMap((line) => line.data.map((point) => Number(point.x.toPrecision(3)))))];
  return loads.length <= 10 ? loads.sort((a, b) => a - b) : undefined;
}

function capital(text) { return text[0].toUpperCase() + text.slice(1); }

function scenarioName(scenario) {
  const parts = [];
  if (optionsOf("workload").length > 1) { parts.push(scenario.workload); }
  parts.push("load " + loadName(scenario.load));
  if (optionsOf("cv").length > 1) { parts.push("CV " + cvName(scenario.cv)); }
  if (optionsOf("cpus").length > 1) { parts.push(plural(scenario.cpus, "CPU", "CPUs")); }
  return parts.join(" \u00b7 ");
}

/** Ratios to the oracle (or to the best of the row), one row per scenario. */
function showEverywhere() {
  at("everywhere").hidden = report.scenarios.length < 2;
  if (report.scenarios.length < 2) { return; }
  const figure = FIGURES.find((f) => f.id === at("load-figure").value);
  const policies = report.policies.filter((policy) => !state.hidden.has(policy.index));
  const oracle = report.policies.find((policy) => policy.name === report.oracle);
  at("everywhere-sub").textContent = `${capital(figure.label)} as a multiple of ` +
    (oracle ? `the oracle\u2019s (${oracle.name})` : "the best policy\u2019s") +
    ": orange is above, blue below. Choose a scenario to see it on the whole page.";
  const rows = report.scenarios.map((scenario) => {
    const values = new Map(scenario.outcomes.map((o) => [o.policy, figure.pick(o)[0]]));
    const usable = [...values.values()].filter((v) => known(v) && v > 0);
    const mark = (oracle && values.get(oracle.index)) || Math.min(...usable);
    const pick = element("button", { type: "button", className: "pick", textContent: scenarioName(scenario) });
    pick.addEventListener("click", () => {
      state.scenario = scenario;
      refresh();
      at("main").scrollIntoView();
    });
    const cells = policies.map((policy) => {
      const value = values.get(policy.index);
      const ratio = known(value) && mark > 0 ? value / mark : undefined;
      return { text: ratio === undefined ? DASH : formatNumber(ratio), value: ratio,
        heat: ratio > 0 ? Math.log(ratio) / Math.log(5) : undefined };
    });
    return { head: pick, cells, here: scenario === state.scenario };
  });
  for (const row of rows) {
    markBestOf(row.cells.filter((cell, i) => !policies[i].idealised && known(cell.value)), "low");
  }
  renderTable(at("table-everywhere"), {
    caption: `${capital(figure.label)}, ${oracle ? "\u00d7 " + oracle.name : "\u00d7 best"}; the figure is chosen ` +
      "under \u201cOver all loads\u201d",
    columns: [{ label: "scenario" }, ...policies.map((policy) => ({ label: shortName(policy.name), unit: "\u00d7" }))],
    rows, long: report.scenarios.length > 12,
  });
}

function showSlowdown() {
  const outcomes = visible();
  const lines = outcomes.map((outcome) => lineOf(policyOf(outcome),
    outcome.slowdown.mean.map((y, x) => ({ x, y })).filter((point) => known(point.y) && point.y > 0),
    { pointRadius: 4 }));
  showLines("chart-slowdown", lines, {
    x: { title: "mean and percentiles over the tasks", names: report.statistics.map((name) => [name]) },
    y: { title: "slowdown (\u00d7), logarithmic", log: true, format: tickNumber },
    label: (point, name) => `${name}: ${report.statistics[point.x]} slowdown ${formatTimes(point.y)}`,
    onPolicy: togglePolicy,
    words: "Slowdown for " + names(outcomes) + ". The table below has the numbers.",
  });
  distributionTable("table-slowdown", "Slowdown", (o) => o.slowdown, false, "low", "\u00d7");
}

function distributionTable(host, what, pick, seconds, better, unit = "") {
  const outcomes = visible();
  const columns = distributionColumns(report.statistics, outcomes, pick, seconds)
    .map((column) => ({ ...column, unit: column.unit || unit }));
  const rows = outcomes.map((outcome) => ({
    head: policyHead(policyOf(outcome)), ideal: policyOf(outcome).idealised, cells: columns.map((c) => c.cell(outcome)),
  }));
  markBest(rows, better);
  renderTable(at(host), { caption: what + captionOfSeeds(), columns: [{ label: "policy" }, ...columns], rows });
}

/** The share of tasks whose value is at most `limit`, from the points of a curve. */
function shareUpTo({ value, ppm }, limit) {
  if (value.length === 0) { return null; }
  const above = value.findIndex((v) => v > limit);
  return above === 0 ? 0 : ppm.at(above === -1 ? -1 : above - 1) / 1e6;
}

function showRte() {
  const outcomes = visible();
  const lines = outcomes.map((outcome) => {
    return stairsOf(policyOf(outcome), outcome.rte_cdf, false);
  });
  showLines("chart-rte", lines, {
    x: { title: "run-time effectiveness: CPU time / turnaround", min: 0, max: 1, format: tickNumber },
    y: { title: "share of tasks at or below", min: 0, max: 1, format: formatShare },
    label: (point, name) => name + ": " + (point.end ? `the lowest is ${formatNumber(point.x)}`
      : `${formatShare(point.y)} of tasks have RTE ${formatNumber(point.x)} or less`),
    onPolicy: togglePolicy,
    words: "Distribution of run-time effectiveness for " + names(outcomes) + ". The table below has the numbers.",
  });
  const rows = outcomes.map((outcome) => {
    const starved = shareUpTo(outcome.rte_cdf, 0.2);
    const undisturbed = shareUpTo(outcome.rte_cdf, 0.95);
    return {
      head: policyHead(policyOf(outcome)), ideal: policyOf(outcome).idealised,
      cells: [
        estimateCell(estimateAt(outcome.rte, 0)), estimateCell(estimateAt(outcome.rte, 1)),
        { text: undisturbed === null ? DASH : formatPercent(1 - undisturbed),
          value: undisturbed === null ? undefined : 1 - undisturbed },
        { text: formatPercent(starved), value: starved ?? undefined, unjudged: true },
      ],
    };
  });
  markBest(rows, "high");
  renderTable(at("table-rte"), {
    caption: "RTE" + captionOfSeeds() + ". The last two columns are read off the curve.",
    columns: [{ label: "policy" }, { label: "mean" }, { label: "median" }, { label: "above 0.95", unit: "of tasks" },
      { label: "0.2 or less", unit: "of tasks" }],
    rows,
  });
}

function groupNames() {
  const found = new Map();
  for (const outcome of state.scenario.outcomes) { for (const g of outcome.groups) { found.set(g.name, g); } }
  return [...found.values()].sort((a, b) => a.from - b.from);
}

function rangeOf(group) {
  if (!known(group.to)) { return `${tickSeconds(group.from)} and more`; }
  return group.from > 0 ? `${tickSeconds(group.from)} to ${tickSeconds(group.to)}` : `below ${tickSeconds(group.to)}`;
}

function showGroups() {
  const groups = groupNames();
  at("groups").hidden = groups.length === 0;
  if (groups.length === 0) { return; }
  const outcomes = visible();
  const [quantity, index] = at("groups-figure").value.split(":");
  const seconds = quantity === "turnaround";
  const label = at("groups-figure").selectedOptions[0].textContent;
  at("groups-sub").textContent = "Tasks by their service demand: " +
    groups.map((group) => `${group.name} ${rangeOf(group)}`).join(", ") + ".";
  const lines = outcomes.map((outcome) => lineOf(policyOf(outcome), groups.flatMap((group, x) => {
    const mine = outcome.groups.find((g) => g.name === group.name);
    const y = mine?.[quantity].mean[index];
    return known(y) && y > 0 ? [{ x, y }] : [];
  }), { pointRadius: 4.5 }));
  showLines("chart-groups", lines, {
    x: { title: "group by service demand", names: groups.map((g) => [g.name, rangeOf(g)]) },
    y: { title: label + (seconds ? "" : " (\u00d7)") + ", logarithmic", log: true,
      format: seconds ? tickSeconds : tickNumber },
    label: (point, name) => `${name}, ${groups[point.x].name}: ` +
      (seconds ? formatSeconds(point.y) : formatTimes(point.y)),
    onPolicy: togglePolicy,
    words: `${label} by group for ${names(outcomes)}. The table below has the numbers.`,
  });
  showGroupTable(groups, outcomes);
}

const GROUP_STATISTICS = [0, 1, 3, 5]; // mean, p50, p90, p99

function showGroupTable(groups, outcomes) {
  const rows = [];
  for (const group of groups) {
    const members = outcomes.map((outcome) => [outcome, outcome.groups.find((g) => g.name === group.name)])
      .filter(([, mine]) => mine);
    if (members.length === 0) { continue; }
    const units = GROUP_STATISTICS.map((i) => columnUnit(members.map(([, mine]) => mine.turnaround.mean[i])));
    const part = members.map(([outcome, mine]) => ({
      head: policyHead(policyOf(outcome)), ideal: policyOf(outcome).idealised,
      cells: [
        ...GROUP_STATISTICS.map((i, k) => timeCell(...estimateAt(mine.turnaround, i), units[k], true)),
        estimateCell(estimateAt(mine.slowdown, 0)), estimateCell(estimateAt(mine.slowdown, 5)),
        ...mine.switches.map((figure) => estimateCell(figure, tickNumber)),
      ],
    }));
    markBest(part, "low");
    const tasks = Math.round(members[0][1].tasks);
    rows.push({ head: `${group.name}: ${rangeOf(group)} of CPU time, ${plural(tasks, "task", "tasks")}` +
      (seedCount() > 1 ? " per seed" : ""), group: true }, ...part);
  }
  renderTable(at("table-groups"), {
    caption: "Turnaround, slowdown and context switches by group" + captionOfSeeds(),
    columns: [{ label: "policy" },
      ...GROUP_STATISTICS.map((i) => ({ label: report.statistics[i], unit: "turnaround" })),
      { label: "mean", unit: "slowdown, \u00d7" }, { label: "p99", unit: "slowdown, \u00d7" },
      ...["p25", "p50", "p75"].map((label) => ({ label, unit: "switches" }))],
    rows,
  });
}

function showDelay() {
  const outcomes = visible();
  const key = at("delay-figure").value;
  const log = at("delay-log").checked;
  const lines = outcomes.map((outcome) => lineOf(policyOf(outcome),
    outcome.delay.at.map((x, i) => ({ x, y: outcome.delay[key][i] })).filter((p) => known(p.y) && (!log || p.y > 0)),
    { pointRadius: outcome.delay.at.length < 2 ? 4 : 0 }));
  at("delay-sub").textContent = "From arrival to the first instruction, by time of arrival" +
    (seedCount() > 1 ? ", over all seeds." : ".");
  showLines("chart-delay", lines, {
    x: { title: "time of arrival since the start of the run", min: 0, format: tickSeconds },
    y: { title: "queueing delay" + (log ? ", logarithmic" : ""), log, format: tickSeconds },
    label: (point, name) => `${name}: ${formatSeconds(point.y)} for arrivals from ${formatSeconds(point.x)} on`,
    onPolicy: togglePolicy,
    words: "Queueing delay over time for " + names(outcomes) + ". The table below has the overall figures.",
  });
  distributionTable("table-delay", "Queueing delay over the whole run", (o) => o.queueing, true, "low");
}

function barsOf(outcomes, values) {
  const colours = outcomes.map((outcome) => strokeOf(policyOf(outcome)));
  return [{ data: values.map((v) => v ?? 0), backgroundColor: colours, borderColor: colours, maxBarThickness: 22 }];
}

function figureRows(outcomes, cells) {
  return outcomes.map((outcome) => ({
    head: policyHead(policyOf(outcome)), ideal: policyOf(outcome).idealised, cells: cells(outcome),
  }));
}

function showSwitches() {
  const outcomes = visible();
  showBars("chart-switches", barsOf(outcomes, outcomes.map((o) => o.figures.switches_mean[0])), {
    names: outcomes.map((o) => policyOf(o).name), title: "context switches per task, mean", format: tickNumber,
    words: "Mean context switches per task for " + names(outcomes) + ". The table below has the numbers.",
  });
  const rows = figureRows(outcomes, ({ figures: f }) => [
    estimateCell(f.switches_mean), estimateCell(f.switches_p25, tickNumber), estimateCell(f.switches_p50, tickNumber),
    estimateCell(f.switches_p75, tickNumber), estimateCell(f.migrations),
  ]);
  markBest(rows, "low");
  renderTable(at("table-switches"), {
    caption: "Context switches and migrations per task" + captionOfSeeds(),
    columns: [{ label: "policy" }, { label: "mean", unit: "switches" },
      ...["p25", "p50", "p75"].map((label) => ({ label, unit: "switches" })), { label: "mean", unit: "migrations" }],
    rows,
  });
}

function showCost() {
  const outcomes = visible();
  showBars("chart-cost", barsOf(outcomes, outcomes.map((o) => o.figures.billed_ratio[0])), {
    names: outcomes.map((o) => policyOf(o).name), title: "billed cost / cost of the shortest durations (\u00d7)",
    format: tickNumber,
    words: "Billed cost over ideal cost for " + names(outcomes) + ". The table below has the numbers.",
  });
  const rows = figureRows(outcomes, ({ figures: f }) => [
    estimateCell(f.billed_cost, formatDollars), estimateCell(f.billed_ratio),
  ]);
  markBest(rows, "low");
  renderTable(at("table-cost"), {
    caption: "Billed cost of all tasks of a run" + captionOfSeeds(),
    columns: [{ label: "policy" }, { label: "cost", unit: "US dollars" }, { label: "cost / ideal", unit: "\u00d7" }],
    rows,
  });
}

function showOverhead() {
  const outcomes = visible();
  const isLive = outcomes.some((o) => (o.figures.others_share[0] ?? 0) > 0);
  const parts = [["context switches and migrations", "switch_share", isDark() ? "#4c8dff" : "#2563eb"],
    ["scheduling agent", "agent_share", isDark() ? "#ff7033" : "#c8420a"],
    ...(isLive ? [["processes outside the run", "others_share", isDark() ? "#a0a7b4" : "#6b7280"]] : [])];
  const datasets = parts.map(([label, key, stroke]) => ({
    label, data: outcomes.map((o) => (o.figures[key][0] ?? 0) * 100), backgroundColor: stroke, borderColor: stroke,
    maxBarThickness: 22,
  }));
  showBars("chart-overhead", datasets, {
    names: outcomes.map((o) => policyOf(o).name), title: "share of the machine\u2019s CPU time (%)", stacked: true,
    legend: true, format: (value) => tickNumber(value) + "\u00a0%",
    words: "CPU time lost to switching and to the agent for " + names(outcomes) + ". The table below has the numbers.",
  });
  const percent = ([mean, half]) => ({
    text: known(mean) ? formatNumber(mean * 100) : DASH, small: spread(half, mean, 100), value: mean ?? undefined,
  });
  const rows = figureRows(outcomes, ({ figures: f }) => [
    percent(f.switch_share), percent(f.agent_share), ...(isLive ? [percent(f.others_share)] : []),
    { ...percent(f.utilisation), unjudged: true },
    estimateCell(f.agent_events, formatCount, { unjudged: true }),
    estimateCell(f.agent_commands, formatCount, { unjudged: true }),
  ]);
  markBest(rows, "low");
  renderTable(at("table-overhead"), {
    caption: "Where the machine\u2019s CPU time went, and what the agent did" + captionOfSeeds(),
    columns: [{ label: "policy" }, { label: "switching", unit: "%" }, { label: "agent", unit: "%" },
      ...(isLive ? [{ label: "others", unit: "%" }] : []),
      { label: "tasks", unit: "%" }, { label: "events", unit: "to the agent" },
      { label: "commands", unit: "of the agent" }],
    rows,
  });
}

function showRuns() {
  const rows = visible().flatMap((outcome) => outcome.seeds.map((run) => ({
    head: policyHead(policyOf(outcome)), ideal: policyOf(outcome).idealised,
    cells: [
      { text: run.seed }, { text: run.hash, mono: true }, { text: formatCount(run.tasks), value: run.tasks },
      { text: formatSeconds(run.mean), value: run.mean ?? undefined },
      { text: formatSeconds(run.p99), value: run.p99 ?? undefined },
      { text: formatNumber(run.offered_load), value: run.offered_load ?? undefined },
      { text: formatPercent(run.utilisation), value: run.utilisation ?? undefined },
      { text: formatSeconds(run.makespan), value: run.makespan ?? undefined },
      { text: formatSeconds(run.run_seconds), value: run.run_seconds ?? undefined },
    ],
  })));
  renderTable(at("table-runs"), {
    caption: "One row per run",
    columns: [{ label: "policy" }, { label: "seed" }, { label: "trace hash" }, { label: "tasks" },
      { label: "mean", unit: "turnaround" }, { label: "p99", unit: "turnaround" }, { label: "offered load" },
      { label: "utilisation" }, { label: "makespan", unit: "simulated" }, { label: "took", unit: "real time" }],
    rows, long: rows.length > 14,
  });
}

function showScenario() {
  const { workload, load, cv, cpus, verdict } = state.scenario;
  const parts = [workload, "load " + loadName(load)];
  if (cv !== 0) { parts.push("arrival CV " + cvName(cv)); }
  parts.push(plural(cpus, "CPU", "CPUs"));
  if (seedCount() > 0) { parts.push(plural(seedCount(), "seed", "seeds")); }
  const said = report.scenarios.length > 1 ? " \u2014 " + verdict : "";
  at("scenario").replaceChildren(element("b", { textContent: parts.join(" \u00b7 ") }), said);
}
