// Filters by time, scene and other tags of the moments that were found, as buttons that show how many moments each has.

import { byId, element } from "/pages/dom.js";
import { formatTime } from "/pages/video.js";

/** Widths of spans of time in seconds, and largest number of spans and of values of a tag. */
const WIDTHS = [5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400];
const SPANS_MAX = 8;
const VALUES_MAX = 12;

/** Tags that are not offered: those of the other facets, and those that identify. */
const HIDDEN = new Set(["video_id", "frame", "frames", "timestamp", "start", "end", "scene_number", "scene_start", "scene_end"]);

/** Selected filters by facet: the label of the selected button, and the expression for the gateway. */
const selected = new Map();

/** Moments of the last search without filters, from which the facets are made. */
let known = [];

/** Text of the fields of the span of time, by their names. */
let typed = {};

/** Called when a filter was selected or removed. */
let onChange = () => {};

/** The expression of all filters; an empty string without any. */
export const filterExpression = () => [...selected.values()].map(({ expression }) => expression).join(" and ");

/** Removes all filters and facets, for a new query. */
export function resetFacets() {
  selected.clear();
  [known, typed] = [[], {}];
  show();
}

/** Offers the facets of the moments of a search. Those of a filtered search are fewer, and leave the facets as they are. */
export function showFacets(moments, changed) {
  onChange = changed;
  if (!selected.size) known = moments;
  show();
}

/** Selects a filter, or removes it if it is selected. */
function toggle(facet, label, expression) {
  if (selected.get(facet)?.expression === expression) selected.delete(facet);
  else selected.set(facet, { label, expression });
  show();
  onChange();
}

/** Counts the values that `valueOf` returns for the moments, except null and undefined, in the order of the first of each. */
function count(valueOf) {
  const counts = new Map();
  for (const moment of known) {
    const value = valueOf(moment);
    if (value !== null && value !== undefined) counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  return counts;
}

/** A value in a filter expression. */
const literal = (value) => (typeof value === "string" ? `"${value.replace(/[\\"]/g, "\\$&")}"` : String(value));

/** Creates the group of buttons of a facet; choices are label, expression and number of moments. */
function group(facet, choices, ...others) {
  const buttons = choices.map(([label, expression, number]) => {
    const button = element("button", { type: "button", textContent: `${label} ` }, element("span", { className: "faint", textContent: number }));
    button.setAttribute("aria-pressed", String(selected.get(facet)?.expression === expression));
    button.dataset.key = `${facet} ${expression}`;
    button.addEventListener("click", () => toggle(facet, label, expression));
    return button;
  });
  return element("fieldset", {}, element("legend", { textContent: facet }), ...buttons, ...others);
}

/** Expression of a span of time. */
const between = (from, to) => [from === null ? "" : `timestamp >= ${from}`, to === null ? "" : `timestamp < ${to}`].filter(Boolean).join(" and ");

/** Reads a time such as 90, 1:30 or 1:02:03 in seconds; null for an empty text, NaN for any other. */
function parseTime(text) {
  if (!text.trim()) return null;
  if (!/^\d+(:[0-5]?\d){0,2}(\.\d+)?$/.test(text.trim())) return NaN;
  return text.trim().split(":").reduce((total, part) => total * 60 + Number(part), 0);
}

/** The facet of times: spans with found moments, and fields for another span. */
function timeFacet() {
  const facet = "Time";
  const latest = Math.max(...known.map((moment) => moment.best));
  const width = WIDTHS.find((width) => latest / width < SPANS_MAX) ?? WIDTHS.at(-1);
  const spans = [...count((moment) => Math.floor(moment.best / width))].sort(([one], [other]) => one - other);
  const choices = spans.slice(0, SPANS_MAX).map(([number, count]) => {
    const [from, to] = [number * width, (number + 1) * width];
    return [`${formatTime(from)}–${formatTime(to)}`, between(from, to), count];
  });
  const field = (name, label) => {
    const input = element("input", { type: "text", inputMode: "numeric", size: 6, placeholder: "m:ss", autocomplete: "off" });
    input.setAttribute("aria-label", label);
    input.value = typed[name] ?? "";
    input.dataset.key = name;
    input.addEventListener("input", () => {
      typed[name] = input.value;
      input.setCustomValidity("");
    });
    return input;
  };
  const [from, to] = [field("from", "From, as minutes:seconds"), field("to", "To, as minutes:seconds")];
  const apply = element("button", { textContent: "Apply" });
  apply.dataset.key = "apply";
  const form = element("form", { className: "span" }, from, element("span", { textContent: "–" }), to, apply);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const times = [from, to].map((input) => parseTime(input.value));
    [from, to].forEach((input, number) => input.setCustomValidity(Number.isNaN(times[number]) ? "Write a time as 7:05" : ""));
    const isReversed = times[0] !== null && times[1] !== null && times[1] <= times[0];
    if (isReversed) to.setCustomValidity("This time is not after the first");
    if (!form.reportValidity()) return;
    const expression = between(...times);
    if (!expression) selected.delete(facet);
    else selected.set(facet, { label: `${from.value || "0:00"}–${to.value || "end"}`, expression });
    show();
    onChange();
  });
  return group(facet, choices, form);
}

/** The facets of tags with few values. */
function tagFacets() {
  const names = new Set(known.flatMap((moment) => Object.keys(moment.tags ?? {})));
  const facets = [];
  for (const name of names) {
    if (HIDDEN.has(name) || !/^[A-Za-z_]\w*$/.test(name)) continue;
    const values = count((moment) => (["string", "boolean"].includes(typeof moment.tags?.[name]) ? moment.tags[name] : null));
    if (values.size < 2 || values.size > VALUES_MAX) continue;
    facets.push(group(name, [...values].map(([value, number]) => [String(value), `${name} == ${literal(value)}`, number])));
  }
  return facets;
}

/** Shows the facets, and the selected filters first, each with a button that removes it. */
function show() {
  const facets = byId("facets");
  facets.hidden = !known.length && !selected.size;
  const focused = document.activeElement?.dataset?.key;
  const active = [...selected].map(([facet, { label }]) => {
    const button = element("button", { type: "button", className: "active", textContent: `${facet}: ${label} ×` });
    button.setAttribute("aria-label", `Remove the filter ${facet}: ${label}`);
    button.addEventListener("click", () => {
      selected.delete(facet);
      if (facet === "Time") typed = {};
      show();
      byId("facets").querySelector("button")?.focus();
      onChange();
    });
    button.dataset.key = `remove ${facet}`;
    return button;
  });
  const scenes = [...count((moment) => moment.tags?.scene_number)].sort((one, other) => other[1] - one[1]).slice(0, VALUES_MAX);
  const choices = scenes.sort(([one], [other]) => one - other).map(([number, count]) => [`scene ${number}`, `scene_number == ${number}`, count]);
  facets.replaceChildren(
    ...(active.length ? [element("p", { id: "filters" }, element("span", { textContent: "Filters: " }), ...active)] : []),
    ...(known.length ? [timeFacet(), ...(choices.length > 1 ? [group("Scene", choices)] : []), ...tagFacets()] : []),
  );
  // The control that was used is a new one.
  if (focused) [...facets.querySelectorAll("[data-key]")].find((control) => control.dataset.key === focused)?.focus();
}
