// The search page: sends a text, an image or a video to the endpoint /search, and shows the matches in a grid.

import { loadImage, request } from "/pages/gateway.js";
import { byId, element } from "/pages/dom.js";

const [form, text, file, count, query, status, results] =
  ["form", "text", "file", "count", "query", "status", "results"].map(byId);

/** Display name of a document: the file name of its URI, or its id. */
function nameOf(match) {
  const path = match.uri && !match.uri.startsWith("data:") ? match.uri : match.id;
  return path.split("/").pop();
}

/** URL of the image of a document: its own blob, or a thumbnail of the gateway; null for a text. */
function imageUrl(match) {
  const type = match.mime_type ?? "";
  if (match.blob && type.startsWith("image/")) return `data:${type};base64,${match.blob}`;
  return match.uri ? `/thumbnail?id=${encodeURIComponent(match.id)}` : null;
}

/** Names of the scores that are distances: the smallest is best. */
const DISTANCE_SCORES = ["cosine", "euclidean", "inner_product"];

/** Name and value of the first score of a match, as text; null without one. */
function scoreOf(match) {
  const [name, score] = Object.entries(match.scores ?? {})[0] ?? [];
  if (name === undefined) return null;
  const measure = DISTANCE_SCORES.includes(name) ? `${name.replace("_", " ")} distance` : name;
  return `${measure} ${(score.value ?? 0).toFixed(4)}`;
}

let latest = 0;

/** Searches with a document, and shows its matches below `preview`. A later search replaces an earlier one. */
async function search(queryDocument, preview) {
  const number = ++latest;
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
        parameters: { top_k: Number(count.value), limit: Number(count.value) },
      }),
    });
    const body = await response.json().catch(() => ({}));
    if (number !== latest) return;
    const error = body.header?.status;
    if (error?.code) throw new Error(error.description);
    if (!response.ok) throw new Error(body.detail ?? `the gateway returned status ${response.status}`);
    const matches = body.data?.[0]?.matches ?? [];
    results.replaceChildren(...matches.map(tile));
    const took = Math.round(performance.now() - started);
    status.textContent = matches.length
      ? `${matches.length} results in ${took} ms`
      : `No results, in ${took} ms`;
  } catch (error) {
    if (number !== latest) return;
    results.replaceChildren();
    status.className = "error";
    status.textContent = String(error.message ?? error);
  } finally {
    if (number === latest) results.removeAttribute("aria-busy");
  }
}

/** Creates the tile of a match. */
function tile(match, position) {
  const name = nameOf(match);
  const picture = element("div", { className: "picture" });
  const text = () => element("div", { className: "text", textContent: match.text || name });
  const url = imageUrl(match);
  if (url) {
    const image = element("img", { alt: name, loading: "lazy" });
    // A document without a thumbnail is shown as text.
    image.addEventListener("error", () => picture.replaceChildren(text()), { once: true });
    picture.append(image);
    loadImage(image, url);
  } else {
    picture.append(text());
  }
  const about = element("div", { className: "about" }, element("b", { className: "name", textContent: `${position + 1}. ${name}`, title: match.uri || match.id }));
  const score = scoreOf(match);
  if (score) about.append(element("span", { className: "faint", textContent: score }));
  const tags = Object.entries(match.tags ?? {}).filter(([, value]) => typeof value !== "object");
  if (tags.length) {
    about.append(element("dl", {}, ...tags.flatMap(([tag, value]) => [
      element("dt", { textContent: tag }),
      element("dd", { textContent: String(value) }),
    ])));
  }
  const more = element("button", { type: "button", textContent: "More like this" });
  more.setAttribute("aria-label", `More like ${name}`);
  more.addEventListener("click", () => {
    const { uri, blob, mime_type } = match;
    const label = element("span", { textContent: `More like ${name}` });
    const images = url ? [element("img", { alt: "" })] : [];
    for (const image of images) loadImage(image, url);
    search(blob ? { blob, mime_type } : uri ? { uri } : { text: match.text ?? "" }, [...images, label]);
    scrollTo({ top: 0 });
  });
  about.append(more);
  return element("li", {}, picture, about);
}

/** Encodes a blob as base64, for JSON. */
function base64(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}

/** Searches with an image or video that was chosen, dropped or pasted. */
async function searchFile(blob) {
  text.value = "";
  const preview = element("img", { alt: "Query", src: URL.createObjectURL(blob) });
  preview.addEventListener("load", () => URL.revokeObjectURL(preview.src), { once: true });
  const queryDocument = { blob: await base64(blob), mime_type: blob.type };
  search(queryDocument, [preview, element("span", { textContent: blob.name ?? "pasted image" })]);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (text.value.trim()) search({ text: text.value.trim() }, []);
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

// A link may contain the query: /?q=TEXT.
const linked = new URLSearchParams(location.search).get("q");
if (linked) {
  text.value = linked;
  search({ text: linked }, []);
}
request("/flow.json").then((response) => response.json()).then(({ name, pods }) => {
  document.title = `${name} – search`;
  byId("title").textContent = name;
  byId("about").textContent = pods.map((pod) => pod.name).join(" → ");
}).catch(() => {});
