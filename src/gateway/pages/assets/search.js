// The search page: sends a text or an image, animated ones included, to the endpoint /search, and shows the matches in a grid; videos with the
// moments that were found in them.

import { loadImage, request, requestMedia } from "/pages/gateway.js";
import { byId, element } from "/pages/dom.js";
import { filterExpression, resetFacets, showFacets } from "/pages/facets.js";
import { formatMoment, momentButtons, momentsOf, playMoments, thumbnailUrl } from "/pages/video.js";

const [form, text, file, count, query, status, note, results, whole] =
  ["form", "text", "file", "count", "query", "status", "note", "results", "whole"].map(byId);

/** The flow, as /flow.json describes it. */
let flow = { needed_content: null, order: null };

/** Display name of a document: the file name of its URI, or its id. */
function nameOf(match) {
  const path = match.uri && !match.uri.startsWith("data:") ? match.uri : match.id;
  return path.split("/").pop() || match.id;
}

/** URL of the image of a document: its own blob, or a thumbnail of the gateway; null for a text. */
function imageUrl(match) {
  const type = match.mime_type ?? "";
  if (match.blob && type.startsWith("image/")) return `data:${type};base64,${match.blob}`;
  const isText = match.text || (type && !/^(image|video)\//.test(type));
  return match.uri && !isText ? thumbnailUrl(match, momentsOf(match)[0]?.best) : null;
}

/** The first score of a match, as a distance or a score according to its order, with its name as the title; null without scores. */
function scoreOf(match) {
  const [name, score] = Object.entries(match.scores ?? {})[0] ?? [];
  if (name === undefined) return null;
  const words = { ascending: ["distance", "nearer is better"], descending: ["score", "more is better"] };
  const [word, meaning] = words[flow.order] ?? ["score", ""];
  return { text: `${word} ${(score.value ?? 0).toFixed(2)}`, title: [name, meaning].filter(Boolean).join(": ") };
}

/** The query document for “More like this”: the content of a match that the flow reads; of a video its best frame. */
async function queryLike(match) {
  const { uri, blob, mime_type, text } = match;
  const [moment] = momentsOf(match);
  if (moment) {
    const response = await requestMedia(thumbnailUrl(match, moment.best));
    if (response.ok) return { blob: await base64(await response.blob()), mime_type: "image/jpeg" };
  }
  if (text && flow.needed_content !== "picture") return { text };
  if (blob) return { blob, mime_type };
  return uri ? { uri } : { text: text ?? "" };
}

/** Number of the latest search. Replies to earlier ones are discarded. */
let latest = 0;

/** Repeats the last search, with another number of results. */
let repeat = () => {};

/** Searches with a document, and shows its matches below `preview`. A later search replaces an earlier one. */
async function search(queryDocument, preview) {
  resetFacets();
  repeat = () => find(queryDocument, preview);
  await repeat();
}

/** Sends a query with the selected filters. */
async function find(queryDocument, preview) {
  const number = ++latest;
  const filter = filterExpression();
  note.hidden = true;
  query.replaceChildren(...preview);
  status.className = "faint";
  status.textContent = "Searching…";
  results.setAttribute("aria-busy", "true");
  const started = performance.now();
  try {
    const response = await request("/post", {
      method: "POST",
      headers: { "content-type": "application/json", "x-flowrun-page": "search" },
      body: JSON.stringify({
        data: [queryDocument],
        exec_endpoint: "/search",
        parameters: { top_k: Number(count.value), limit: Number(count.value), ...(filter ? { filter } : {}) },
      }),
    });
    const body = await response.json().catch(() => ({}));
    if (number !== latest) return;
    const error = body.header?.status;
    if (error?.code) throw new Error(error.exception?.args?.[0] || error.description);
    if (!response.ok) throw new Error(body.detail ?? `the gateway returned status ${response.status}`);
    const matches = body.data?.[0]?.matches ?? [];
    results.replaceChildren(...matches.map(tile));
    showFacets(matches.flatMap(momentsOf), () => repeat());
    const took = Math.round(performance.now() - started);
    const all = matches.length < Number(count.value) ? ", all that the flow returned" : "";
    const shards = queriedShards(body.parameters?.__results__);
    status.textContent = matches.length
      ? `${matches.length} ${matches.length === 1 ? "result" : "results"} in ${took} ms${all}${shards}`
      : `No results${filter ? " within these filters: remove one to see more" : ""} (${took} ms${shards})`;
  } catch (error) {
    if (number !== latest) return;
    results.replaceChildren();
    status.className = "error";
    status.textContent = String(error.message ?? error);
  } finally {
    if (number === latest) results.removeAttribute("aria-busy");
  }
}

/** Number of the shards of each pod that were queried, if the reply contains it. */
function queriedShards(results) {
  const pods = Object.entries(results ?? {}).filter(([, result]) => Number.isInteger(result?.shards_asked));
  return pods.map(([pod, result]) => `; queried ${result.shards_asked} of ${result.shards} shards of ${pod}`).join("");
}

/** Tags of a video that its moments show. */
const MOMENT_TAGS = new Set(["video_id", "timestamp", "start", "end"]);

/** Creates the tile of a match. */
function tile(match, position) {
  const name = nameOf(match);
  const moments = momentsOf(match);
  const play = (number) => playMoments(match, name, moments, number);
  const label = moments.length ? `Play ${name} ${formatMoment(moments[0])}` : `Show ${name}`;
  const picture = element("button", { type: "button", className: "picture", title: moments.length ? "Play a preview" : "Show the whole result" });
  picture.setAttribute("aria-label", label);
  picture.addEventListener("click", () => (moments.length ? play(0) : showWhole(match, url)));
  const text = () => element("span", { className: "text", textContent: match.text || name });
  const url = imageUrl(match);
  if (url) {
    const image = element("img", { alt: name });
    // A document without a thumbnail is shown as text.
    const showText = () => picture.replaceChildren(text());
    image.addEventListener("error", showText, { once: true });
    picture.append(image);
    if (moments.length) picture.append(element("span", { className: "badge", textContent: `▶ ${formatMoment(moments[0])}` }));
    loadImage(image, url, (reason) => {
      showText();
      note.textContent = `A picture is missing: ${reason}`;
      note.hidden = false;
    }).catch(showText);
  } else {
    picture.append(text());
  }
  const about = element("div", { className: "about" }, element("b", { className: "name", textContent: `${position + 1}. ${name}`, title: match.uri || match.id }));
  const score = scoreOf(match);
  if (score) about.append(element("span", { className: "faint", textContent: score.text, title: score.title }));
  if (moments.length) about.append(momentButtons(name, moments, play));
  const tags = Object.entries(match.tags ?? {}).filter(([tag, value]) => typeof value !== "object" && !(moments.length && MOMENT_TAGS.has(tag)));
  if (tags.length) {
    about.append(element("dl", {}, ...tags.flatMap(([tag, value]) => [
      element("dt", { textContent: tag }),
      element("dd", { textContent: String(value) }),
    ])));
  }
  const more = element("button", { type: "button", textContent: "More like this" });
  more.setAttribute("aria-label", `More like ${name}`);
  more.addEventListener("click", async () => {
    const moment = moments.length ? `, ${formatMoment(moments[0])}` : "";
    const label = element("span", { textContent: `More like ${name}${moment}` });
    const images = url ? [element("img", { alt: "" })] : [];
    for (const image of images) loadImage(image, url).catch(() => image.remove());
    scrollTo({ top: 0 });
    search(await queryLike(match), [...images, label]);
  });
  about.append(more);
  return element("li", {}, picture, about);
}

/** Shows a result in full: its text or picture, and its URI or id. */
function showWhole(match, url) {
  const content = whole.firstElementChild;
  content.replaceChildren(element("p", { className: "faint", textContent: match.uri?.startsWith("data:") ? match.id : match.uri || match.id }));
  if (url) {
    const image = element("img", { alt: nameOf(match) });
    loadImage(image, url, () => image.remove()).catch(() => image.remove());
    content.append(image);
  }
  if (match.text) content.append(element("p", { textContent: match.text }));
  whole.showModal();
}
whole.querySelector("button.close").addEventListener("click", () => whole.close());

/** Encodes a blob as base64, for JSON. */
function base64(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}

/** Searches with an image that was chosen, dropped or pasted. */
async function searchFile(blob) {
  text.value = "";
  const preview = element("img", { alt: "Query", src: URL.createObjectURL(blob) });
  preview.addEventListener("load", () => URL.revokeObjectURL(preview.src), { once: true });
  const queryDocument = { blob: await base64(blob), mime_type: blob.type };
  search(queryDocument, [preview, element("span", { textContent: blob.name ?? "pasted image" })]);
}

/** Searches with a text. A new one is added to the address of the page, so that a link or the Back button repeats the search. */
function searchText(query, isNew) {
  text.value = query;
  if (isNew) history.pushState(null, "", `/?q=${encodeURIComponent(query)}`);
  search({ text: query }, []);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (text.value.trim()) searchText(text.value.trim(), true);
  else if (file.files[0]) searchFile(file.files[0]);
  else text.focus();
});
file.addEventListener("change", () => file.files[0] && searchFile(file.files[0]));
document.addEventListener("paste", (event) => {
  const pasted = [...(event.clipboardData?.files ?? [])].find((file) => file.type.startsWith("image/"));
  if (pasted) searchFile(pasted);
});
for (const name of ["dragenter", "dragover"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    document.body.classList.add("dropping");
  });
}
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("dropping");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  const dropped = event.dataTransfer?.files[0];
  if (dropped) searchFile(dropped);
});

count.addEventListener("change", () => repeat());

/** Searches with the text in the address, if there is one: /?q=TEXT. */
function searchLinked() {
  const linked = new URLSearchParams(location.search).get("q");
  if (linked) {
    searchText(linked, false);
  } else if (latest) {
    text.value = "";
    status.textContent = "";
    [results, query].forEach((part) => part.replaceChildren());
    resetFacets();
  }
}
addEventListener("popstate", searchLinked);

/** Shows the name and pods of the flow, and offers only the kinds of input that it reads. */
function showFlow(described) {
  flow = described;
  document.title = `${flow.name} – search`;
  byId("title").textContent = flow.name;
  byId("about").textContent = flow.pods.map((pod) => pod.name).join(" → ");
  byId("dashboard").hidden = !flow.dashboard;
  text.hidden = flow.needed_content === "picture";
  byId("choose").hidden = flow.needed_content === "text";
  if (flow.needed_content === "text") text.placeholder = "Enter a text";
  const withoutModel = flow.pods.filter((pod) => pod.stand_in).map((pod) => pod.name);
  if (withoutModel.length) {
    byId("models").textContent = `Without a model (${withoutModel.join(", ")}): texts are compared by their words, images by their colours and edges; a text does not find images.`;
  }
}

/** Shows the number of stored documents, before the first search. */
async function showCount() {
  if (!flow.counts || latest) return;
  const response = await request("/post", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ exec_endpoint: "/count" }),
  });
  const { parameters } = await response.json();
  const counts = Object.values(parameters?.__results__ ?? {}).map((result) => result.count ?? 0);
  const total = counts.reduce((sum, one) => sum + one, 0);
  if (!latest) status.textContent = `${total.toLocaleString("en")} documents. ${flow.needed_content === "picture" ? "Choose, drop or paste a picture to search." : "Enter a text to search."}`;
}

request("/flow.json").then((response) => response.json()).then(showFlow).then(searchLinked).then(showCount).catch(() => {});
