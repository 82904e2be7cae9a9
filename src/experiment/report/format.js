// SPDX-License-Identifier: Apache-2.0
"use strict";
// Numbers as people read them: three significant digits, always with a unit.

const DASH = "\u2013";
const UNITS = [
  { name: "ns", factor: 1e9 }, { name: "\u00b5s", factor: 1e6 }, { name: "ms", factor: 1e3 }, { name: "s", factor: 1 },
];

function known(value) { return typeof value === "number" && Number.isFinite(value); }

const TINY = 1e-4; // below it, digits behind so many zeros are counted, not read

/** Three significant digits, thousands apart: 0.0123, 1.08, 12,300, 5.17e-6. */
function formatNumber(value) {
  if (!known(value)) { return DASH; }
  if (value === 0) { return "0"; }
  if (Math.abs(value) < TINY) { return value.toExponential(2); }
  const rounded = Number(value.toPrecision(3));
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(rounded)) + 1e-9));
  return rounded.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function formatCount(value) { return known(value) ? Math.round(value).toLocaleString("en-US") : DASH; }

/** The unit in which `seconds` has one to three digits before the point. */
function unitFor(seconds) {
  const size = Math.abs(seconds);
  if (!known(size) || size === 0 || size >= 0.9995) { return UNITS[3]; }
  if (size >= 0.9995e-3) { return UNITS[2]; }
  return size >= 0.9995e-6 ? UNITS[1] : UNITS[0];
}

function formatSeconds(seconds) {
  if (!known(seconds)) { return DASH; }
  const unit = unitFor(seconds);
  return formatNumber(seconds * unit.factor) + "\u00a0" + unit.name;
}

/** For axes: without zeros at the end. */
function tickSeconds(seconds) {
  const [digits, unit] = formatSeconds(seconds).split("\u00a0");
  return unit ? trimZeros(digits) + "\u00a0" + unit : digits;
}

function tickNumber(value) { return trimZeros(formatNumber(value)); }

function trimZeros(digits) { return digits.includes(".") && !digits.includes("e") ? digits.replace(/\.?0+$/, "") : digits; }

function formatTimes(value) { return known(value) ? formatNumber(value) + "\u00a0\u00d7" : DASH; }

function formatPercent(share) { return known(share) ? formatNumber(share * 100) + "\u00a0%" : DASH; }

/** 99.99 keeps its digits, where three significant ones would make it 100. */
function formatShare(share) {
  if (!known(share)) { return DASH; }
  const percent = share * 100;
  if (percent > 99 && percent < 100) { return trimZeros(percent.toFixed(4)) + "\u00a0%"; }
  return trimZeros(formatNumber(percent)) + "\u00a0%";
}

function formatDollars(value) { return known(value) ? "$" + formatNumber(value) : DASH; }

function loadName(load) { return load === 0 ? "as recorded" : tickNumber(load); }

function cvName(cv) { return cv === 0 ? "as in the workload" : tickNumber(cv); }

function plural(count, one, many) { return formatCount(count) + "\u00a0" + (count === 1 ? one : many); }
