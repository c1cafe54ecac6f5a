// The dashboard: load of the flow, from /dashboard.json every second, and its log, from /dashboard/log.

import { follow, request } from "/pages/gateway.js";
import { byId } from "/pages/dom.js";

const SVG = "http://www.w3.org/2000/svg";
const INTERVAL = 1000;
const LOG_LINES = 500;
const BOX = { width: 190, height: 62, gapX: 70, gapY: 24, margin: 18 };

/** Creates an SVG element. */
function draw(name, attributes, text) {
  const created = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) created.setAttribute(key, value);
  if (text !== undefined) created.textContent = text;
  return created;
}

/** The state that was shown last and its time, to compute rates; null before the first. */
let previous = null;

const number = (value, digits = 0) => value.toLocaleString("en", { maximumFractionDigits: digits });

/** Position of each pod: its column is the length of the longest path from the gateway. */
function layout(pods) {
  const columns = new Map([["gateway", 0]]);
  // Pods are in topological order.
  for (const pod of pods) columns.set(pod.name, 1 + Math.max(0, ...pod.needs.map((need) => columns.get(need) ?? 0)));
  const rows = [];
  const positions = new Map();
  for (const [name, column] of columns) {
    rows[column] = (rows[column] ?? -1) + 1;
    positions.set(name, {
      x: BOX.margin + column * (BOX.width + BOX.gapX),
      y: BOX.margin + rows[column] * (BOX.height + BOX.gapY),
    });
  }
  const width = 2 * BOX.margin + rows.length * (BOX.width + BOX.gapX) - BOX.gapX;
  const height = 2 * BOX.margin + Math.max(...rows.map((row) => row + 1)) * (BOX.height + BOX.gapY) - BOX.gapY;
  return { positions, width, height };
}

/** The bottleneck: the pod with the longest queue, if its workers are busy most of the time. */
function bottleneck(pods) {
  const waiting = pods.filter((pod) => pod.waiting > 0 && pod.busy > 0.5);
  return waiting.sort((left, right) => right.waiting - left.waiting)[0];
}

function drawFlow(pods, limiting) {
  const { positions, width, height } = layout(pods);
  const picture = draw("svg", { width, height, viewBox: `0 0 ${width} ${height}` });
  for (const pod of pods) {
    const to = positions.get(pod.name);
    for (const need of pod.needs) {
      const from = positions.get(need);
      if (!from) continue;
      const [x1, y1, x2, y2] = [from.x + BOX.width, from.y + BOX.height / 2, to.x, to.y + BOX.height / 2];
      const middle = (x1 + x2) / 2;
      picture.append(draw("path", {
        d: `M${x1} ${y1} C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`,
        class: pod === limiting ? "bottleneck" : "",
      }));
      if (pod.waiting > 0) {
        const attributes = { x: middle, y: (y1 + y2) / 2 - 7, "text-anchor": "middle", class: pod === limiting ? "bottleneck" : "faint" };
        picture.append(draw("text", attributes, `${number(pod.waiting)} queued`));
      }
    }
  }
  const { x, y } = positions.get("gateway");
  picture.append(draw("rect", { x, y, width: BOX.width, height: BOX.height, rx: 8 }));
  picture.append(draw("text", { x: x + 12, y: y + 36 }, "gateway"));
  for (const pod of pods) {
    const { x, y } = positions.get(pod.name);
    const copies = pod.shards > 1 ? `${pod.shards} shards` : pod.replicas > 1 ? `${pod.replicas} replicas` : "";
    picture.append(draw("rect", { x, y, width: BOX.width, height: BOX.height, rx: 8 }));
    picture.append(draw("rect", { x: x + 1, y: y + BOX.height - 6, width: Math.max(0, (BOX.width - 2) * Math.min(1, pod.busy)), height: 5, rx: 2, class: "busy" }));
    picture.append(draw("text", { x: x + 12, y: y + 22 }, pod.name));
    picture.append(draw("text", { x: x + 12, y: y + 38, class: "faint" }, pod.uses.slice(0, 28)));
    picture.append(draw("text", { x: x + 12, y: y + 52, class: "faint" }, [copies, ...(previous ? [`${number(pod.rate, 1)}/s`, `${number(100 * pod.busy)} % busy`] : [])].filter(Boolean).join(" · ")));
  }
  byId("flow").replaceChildren(picture);
  byId("flow").setAttribute("aria-label", `The flow: ${pods.map((pod) => `${pod.name} needs ${pod.needs.join(" and ")}`).join("; ")}`);
  byId("bottleneck").textContent = !previous
    ? "Measuring …"
    : limiting
    ? `${limiting.name} is the bottleneck: ${number(limiting.waiting)} requests are queued.`
    : "No bottleneck.";
}

function drawPods(pods) {
  byId("pods").replaceChildren(...pods.map((pod) => {
    const cells = [
      pod.name, previous ? number(pod.rate, 1) : "…", number(pod.waiting), previous ? `${number(100 * pod.busy)} %` : "…",
      `${number(pod.p50_ms, 2)} ms`, `${number(pod.p99_ms, 2)} ms`, number(pod.calls), number(pod.failed),
    ];
    return row("pod", pod.name, cells);
  }));
}

/** Creates a table row with the attribute `data-KIND="NAME"`. */
function row(kind, name, cells) {
  const created = document.createElement("tr");
  created.dataset[kind] = name;
  cells.forEach((text, position) => {
    const cell = document.createElement(position === 0 ? "th" : "td");
    cell.textContent = text;
    if (position === 0) cell.scope = "row";
    created.append(cell);
  });
  return created;
}

/** Formats bytes with a decimal unit. */
function bytes(count) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const unit = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, count)) / 3));
  return `${number(count / 1000 ** unit, unit ? 1 : 0)} ${units[unit]}`;
}

/** Shows the shards of indexes, with their sizes. */
function drawShards(pods) {
  const shards = pods.flatMap((pod) => Object.entries(pod.shard_metrics)
    .filter(([, metrics]) => metrics.index_documents !== undefined)
    .map(([shard, metrics]) => row("shard", `${pod.name}/${shard}`, [
      `${pod.name} ${shard}`, number(metrics.index_documents),
      metrics.index_vectors === undefined ? "" : number(metrics.index_vectors), bytes(metrics.index_bytes ?? 0),
    ])));
  byId("stored").hidden = shards.length === 0;
  byId("shards").replaceChildren(...shards);
}

function drawNumbers(state, rate) {
  const { requests } = state;
  const shown = [
    ["requests/s", previous ? number(rate, 1) : "…"],
    ["accepted", number(requests.accepted)],
    ["in flight", `${number(requests.inside)} of ${number(state.credits)}`],
    ["replied", number(requests.replied)],
    ["failed", number(requests.failed + requests.expired + requests.cancelled)],
    ["rejected", number(requests.refused)],
  ];
  byId("numbers").replaceChildren(...shown.map(([name, value]) => {
    const item = document.createElement("li");
    const strong = document.createElement("b");
    strong.textContent = value;
    item.dataset.number = name;
    item.append(strong, name);
    return item;
  }));
}

/** Fetches and shows the state, with rates since the previous call. */
async function show() {
  try {
    const state = await (await request("/dashboard.json")).json();
    const now = performance.now();
    const seconds = previous ? (now - previous.now) / 1000 : 0;
    const since = (value, earlier) => (seconds > 0 ? Math.max(0, value - (earlier ?? 0)) / seconds : 0);
    const earlier = new Map((previous?.state.pods ?? []).map((pod) => [pod.name, pod]));
    for (const pod of state.pods) {
      pod.rate = since(pod.calls, earlier.get(pod.name)?.calls);
      pod.busy = since(pod.busy_seconds, earlier.get(pod.name)?.busy_seconds) / Math.max(1, pod.workers);
    }
    const limiting = bottleneck(state.pods);
    drawNumbers(state, since(state.requests.accepted, previous?.state.requests.accepted));
    drawFlow(state.pods, limiting);
    drawPods(state.pods);
    drawShards(state.pods);
    document.title = `${state.name} – dashboard`;
    byId("title").textContent = state.name;
    byId("about").textContent = `up for ${number(state.uptime_seconds)} s`;
    previous = { now, state };
  } catch (error) {
    byId("about").textContent = error.forbidden ? error.message : "the gateway does not respond";
  } finally {
    setTimeout(show, INTERVAL);
  }
}

const log = byId("log");
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
