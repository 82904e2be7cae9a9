// SPDX-License-Identifier: Apache-2.0
"use strict";
// The words of the page, for tooltips and for the list at its end.

const GLOSSARY = {
  "turnaround":
    "Time from a task\u2019s arrival to its exit: waiting, running, and its own blocking together.",
  "percentile":
    "p99 is the time that 99 % of the tasks do not exceed; p50 is the median. Computed over all tasks, exact. Of " +
    "fewer than 1,000 tasks p99.9 is the slowest one, as p99.99 is of fewer than 10,000.",
  "slowdown":
    "Turnaround divided by what the task would take alone on the machine (its service demand and its own " +
    "blocking). 1 means never delayed; it makes short and long tasks comparable.",
  "RTE":
    "Run-time effectiveness, the measure of the SFS paper: CPU time received divided by turnaround. 1 means the " +
    "task ran all its life, 0.2 that it spent four fifths of it off the CPU.",
  "queueing delay":
    "Time from arrival to the first instruction.",
  "load":
    "Offered load: CPU time that the arriving tasks need, divided by the CPU time the machine has in that span. " +
    "Above 1 the queue grows for as long as tasks arrive.",
  "arrival CV":
    "Coefficient of variation of the times between arrivals: 0 is a clock, 1 is Poisson, above 1 comes in bursts.",
  "groups":
    "The groups of the ALPS paper, by service demand (CPU time a task needs). Each table row says the range.",
  "context switch":
    "The CPU turns from a task to another before the first is done: it was preempted, its slice ended, or it " +
    "blocked. Its exit does not count.",
  "migration":
    "A task runs on another CPU than the time before, where its data is not in the caches.",
  "billed cost":
    "US dollars for the wall-clock time from first instruction to exit, priced by memory size, as FaaS providers " +
    "bill it: a task that is preempted pays for its waiting.",
  "overhead":
    "CPU time lost to context switches and migrations, and CPU time of the scheduling agent itself (receiving " +
    "events, deciding, system calls).",
  "oracle":
    "A policy that knows how much CPU time each task will need. No real scheduler can; it marks what is possible.",
  "idealised":
    "A textbook policy on a machine without any cost, an oracle, or what is only foretold beside a real machine. " +
    "Drawn dashed, listed last, never marked as the best.",
  "95 % interval":
    "Where the mean over all seeds lies with 95 % confidence (Student\u2019s t). Shown as \u00b1 in tables and as " +
    "whiskers in pictures, where there are two or more seeds.",
  "seed":
    "Number that fixes all randomness of a run. Policies meet equal workloads under equal seeds, so their " +
    "differences are compared seed by seed.",
  "trace hash":
    "A fingerprint of everything that happened in a run: who ran when and where.",
};

/** One tooltip for the whole page: on hover, on focus, on touch; Escape closes it. */
function installTooltips(policies) {
  const tip = document.getElementById("tip");
  let owner = null;
  const textOf = (element) => GLOSSARY[element.dataset.term] ?? policies.get(element.dataset.policy) ?? "";
  const hide = () => {
    owner?.removeAttribute("aria-describedby");
    owner = null;
    tip.hidden = true;
  };
  const show = (element) => {
    const text = textOf(element);
    if (!text) { return; }
    owner = element;
    tip.textContent = text;
    tip.hidden = false;
    element.setAttribute("aria-describedby", "tip");
    const box = element.getBoundingClientRect();
    const width = document.documentElement.clientWidth;
    const left = Math.max(8, Math.min(box.left, width - tip.offsetWidth - 8));
    tip.style.left = left + window.scrollX + "px";
    tip.style.top = box.bottom + window.scrollY + 8 + "px";
  };
  const target = (event) => event.target.closest?.("[data-term], [data-policy]");
  for (const kind of ["mouseover", "focusin", "click"]) {
    document.addEventListener(kind, (event) => {
      const element = target(event);
      if (element) { show(element); } else if (kind === "click") { hide(); }
    });
  }
  for (const kind of ["mouseout", "focusout"]) {
    document.addEventListener(kind, (event) => { if (target(event)) { hide(); } });
  }
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") { hide(); } });
}

function writeGlossary(host, policies) {
  const add = (word, meaning) => {
    host.append(Object.assign(document.createElement("dt"), { textContent: word }),
      Object.assign(document.createElement("dd"), { textContent: meaning }));
  };
  for (const [word, meaning] of Object.entries(GLOSSARY)) { add(word === "groups" ? "G1 to G4" : word, meaning); }
  for (const [name, meaning] of policies) { if (meaning) { add(name, meaning); } }
}
