// The dashboard: the flow as it works, from /dashboard.json every second, and its log as it is written.

import { ask, follow } from "/pages/ask.js";

const at = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
const INTERVAL = 1000;
const LOG_LINES = 500;
const BOX = { width: 190, height: 62, across: 70, down: 24, margin: 18 };

/** An element of the drawing. */
function draw(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

const number = (value, digits = 0) => value.toLocaleString("en", { maximumFractionDigits: digits });

/** Where each pod is drawn: its column is the longest way to it from the gateway. */
function placed(pods) {
  const columns = new Map([["gateway", 0]]);
  // Pods come after those that they need.
  for (const pod of pods) columns.set(pod.name, 1 + Math.max(0, ...pod.needs.map((need) => columns.get(need) ?? 0)));
  const rows = [];
  const places = new Map();
  for (const [name, column] of columns) {
    rows[column] = (rows[column] ?? -1) + 1;
    places.set(name, {
      x: BOX.margin + column * (BOX.width + BOX.across),
      y: BOX.margin + rows[column] * (BOX.height + BOX.down),
    });
  }
  const width = 2 * BOX.margin + rows.length * (BOX.width + BOX.across) - BOX.across;
  const height = 2 * BOX.margin + Math.max(...rows.map((row) => row + 1)) * (BOX.height + BOX.down) - BOX.down;
  return { places, width, height };
}

/** The pod that holds the flow back: the one before which most requests wait, if its workers have no rest. */
function holding(pods) {
  const waiting = pods.filter((pod) => pod.waiting > 0 && pod.busy > 0.5);
  return waiting.sort((left, right) => right.waiting - left.waiting)[0];
}

function drawFlow(pods, held) {
  const { places, width, height } = placed(pods);
  const picture = draw("svg", { width, height, viewBox: `0 0 ${width} ${height}` });
  for (const pod of pods) {
    const to = places.get(pod.name);
    for (const need of pod.needs) {
      const from = places.get(need);
      if (!from) continue;
      const [x1, y1, x2, y2] = [from.x + BOX.width, from.y + BOX.height / 2, to.x, to.y + BOX.height / 2];
      const middle = (x1 + x2) / 2;
      picture.append(draw("path", {
        d: `M${x1} ${y1} C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`,
        class: pod === held ? "holding" : "",
      }));
      if (pod.waiting > 0) {
        const waits = { x: middle, y: (y1 + y2) / 2 - 7, "text-anchor": "middle", class: pod === held ? "holding" : "faint" };
        picture.append(draw("text", waits, `${number(pod.waiting)} wait`));
      }
    }
  }
  const { x, y } = places.get("gateway");
  picture.append(draw("rect", { x, y, width: BOX.width, height: BOX.height, rx: 8 }));
  picture.append(draw("text", { x: x + 12, y: y + 36 }, "gateway"));
  for (const pod of pods) {
    const { x, y } = places.get(pod.name);
    const copies = pod.shards > 1 ? `${pod.shards} shards` : pod.replicas > 1 ? `${pod.replicas} replicas` : "";
    picture.append(draw("rect", { x, y, width: BOX.width, height: BOX.height, rx: 8 }));
    picture.append(draw("rect", { x: x + 1, y: y + BOX.height - 6, width: Math.max(0, (BOX.width - 2) * Math.min(1, pod.busy)), height: 5, rx: 2, class: "busy" }));
    picture.append(draw("text", { x: x + 12, y: y + 22 }, pod.name));
    picture.append(draw("text", { x: x + 12, y: y + 38, class: "faint" }, pod.uses.slice(0, 28)));
    picture.append(draw("text", { x: x + 12, y: y + 52, class: "faint" }, [copies, `${number(pod.rate, 1)}/s`, `${number(100 * pod.busy)} % busy`].filter(Boolean).join(" · ")));
  }
  at("flow").replaceChildren(picture);
  at("flow").setAttribute("aria-label", `The flow: ${pods.map((pod) => `${pod.name} needs ${pod.needs.join(" and ")}`).join("; ")}`);
  at("holding").textContent = held
    ? `${held.name} holds the flow back: ${number(held.waiting)} requests wait before it.`
    : "Nothing holds the flow back.";
}

function drawPods(pods) {
  at("pods").replaceChildren(...pods.map((pod) => {
    const cells = [
      pod.name, number(pod.rate, 1), number(pod.waiting), `${number(100 * pod.busy)} %`,
      `${number(pod.p50_ms, 2)} ms`, `${number(pod.p99_ms, 2)} ms`, number(pod.calls), number(pod.failed),
      pod.index === undefined || pod.index === null ? "" : number(pod.index),
    ];
    const row = document.createElement("tr");
    row.dataset.pod = pod.name;
    cells.forEach((text, position) => {
      const cell = document.createElement("td");
      cell.textContent = text;
      if (position === 0) cell.scope = "row";
      row.append(cell);
    });
    return row;
  }));
}

function drawNumbers(state, rate) {
  const { requests } = state;
  const shown = [
    ["requests/s", number(rate, 1)],
    ["accepted", number(requests.accepted)],
    ["inside", `${number(requests.inside)} of ${number(state.credits)}`],
    ["replied", number(requests.replied)],
    ["failed", number(requests.failed + requests.expired + requests.cancelled)],
    ["refused", number(requests.refused)],
  ];
  at("numbers").replaceChildren(...shown.map(([name, value]) => {
    const item = document.createElement("li");
    const strong = document.createElement("b");
    strong.textContent = value;
    item.dataset.number = name;
    item.append(strong, name);
    return item;
  }));
}

let before = null;

/** Fetches the state and shows it, with rates since the last time. */
async function show() {
  try {
    const state = await (await ask("/dashboard.json")).json();
    const now = performance.now();
    const seconds = before ? (now - before.now) / 1000 : 0;
    const since = (value, earlier) => (seconds > 0 ? Math.max(0, value - (earlier ?? 0)) / seconds : 0);
    const earlier = new Map((before?.state.pods ?? []).map((pod) => [pod.name, pod]));
    for (const pod of state.pods) {
      pod.rate = since(pod.calls, earlier.get(pod.name)?.calls);
      pod.busy = since(pod.busy_seconds, earlier.get(pod.name)?.busy_seconds) / Math.max(1, pod.workers);
    }
    const held = holding(state.pods);
    drawNumbers(state, since(state.requests.accepted, before?.state.requests.accepted));
    drawFlow(state.pods, held);
    drawPods(state.pods);
    document.title = `${state.name} – dashboard`;
    at("title").textContent = state.name;
    at("about").textContent = `up for ${number(state.uptime_seconds)} s`;
    before = { now, state };
  } catch {
    at("about").textContent = "the flow does not answer";
  } finally {
    setTimeout(show, INTERVAL);
  }
}

const log = at("log");
follow("/dashboard/log", (data) => {
  const { time, level, message, fields = {} } = JSON.parse(data);
  const line = document.createElement("span");
  const more = Object.entries(fields).map(([name, value]) => `${name}=${value}`).join(" ");
  line.className = level;
  line.textContent = `${new Date(time).toLocaleTimeString("en-GB")} ${level.padEnd(5)} ${message} ${more}\n`;
  const follows = log.scrollTop + log.clientHeight >= log.scrollHeight - 4;
  log.append(line);
  while (log.childElementCount > LOG_LINES) log.firstElementChild.remove();
  if (follows) log.scrollTop = log.scrollHeight;
});
show();
