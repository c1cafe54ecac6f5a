// The search page: a text, a picture or a clip goes to the flow's /search; its matches come back as a grid.

import { ask, showPicture } from "/pages/ask.js";

const at = (id) => document.getElementById(id);
const [form, text, file, count, query, status, results] =
  ["form", "text", "file", "count", "query", "status", "results"].map(at);

/** An element with properties and children. */
function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

/** What is shown of a document's name: the end of its path, or its id. */
function nameOf(found) {
  const path = found.uri && !found.uri.startsWith("data:") ? found.uri : found.id;
  return path.split("/").pop();
}

/** Where the picture of a document is: in the document itself, or at the gateway; null for a text. */
function sourceOf(found) {
  const kind = found.mime_type ?? "";
  if (found.blob && kind.startsWith("image/")) return `data:${kind};base64,${found.blob}`;
  return found.uri ? `/thumbnail?id=${encodeURIComponent(found.id)}` : null;
}

/** The score that a match is ordered by, as its name and value. */
function scoreOf(found) {
  const [name, score] = Object.entries(found.scores ?? {})[0] ?? [];
  return name === undefined ? null : { name, value: score.value ?? 0 };
}

let latest = 0;

/** Searches for a document and shows what was found; only the latest search is shown. */
async function search(sought, shown) {
  const number = ++latest;
  query.replaceChildren(...shown);
  status.className = "faint";
  status.textContent = "Searching…";
  results.setAttribute("aria-busy", "true");
  const started = performance.now();
  try {
    const answer = await ask("/post", {
      method: "POST",
      headers: { "content-type": "application/json", "x-flowrun-page": "search" },
      body: JSON.stringify({
        data: [sought],
        exec_endpoint: "/search",
        parameters: { top_k: Number(count.value), limit: Number(count.value) },
      }),
    });
    const body = await answer.json().catch(() => ({}));
    if (number !== latest) return;
    const failed = body.header?.status;
    if (failed?.code) throw new Error(failed.description);
    if (!answer.ok) throw new Error(body.detail ?? `the server answered ${answer.status}`);
    const matches = body.data?.[0]?.matches ?? [];
    results.replaceChildren(...matches.map(shownMatch));
    const took = Math.round(performance.now() - started);
    status.textContent = matches.length
      ? `${matches.length} results in ${took} ms`
      : `Nothing was found, in ${took} ms`;
  } catch (error) {
    if (number !== latest) return;
    results.replaceChildren();
    status.className = "error";
    status.textContent = String(error.message ?? error);
  } finally {
    if (number === latest) results.removeAttribute("aria-busy");
  }
}

/** A match as a tile. */
function shownMatch(found, position) {
  const name = nameOf(found);
  const picture = element("div", { className: "picture" });
  const words = () => element("div", { className: "text", textContent: found.text || name });
  const source = sourceOf(found);
  if (source) {
    const image = element("img", { alt: name, loading: "lazy" });
    // What has no thumbnail is shown by its words.
    image.addEventListener("error", () => picture.replaceChildren(words()), { once: true });
    picture.append(image);
    showPicture(image, source);
  } else {
    picture.append(words());
  }
  const about = element("div", { className: "about" }, element("b", { className: "name", textContent: `${position + 1}. ${name}`, title: found.uri || found.id }));
  const score = scoreOf(found);
  if (score) about.append(element("span", { className: "faint", textContent: `${score.name} ${score.value.toFixed(4)}` }));
  const tags = Object.entries(found.tags ?? {}).filter(([, value]) => typeof value !== "object");
  if (tags.length) {
    about.append(element("dl", {}, ...tags.flatMap(([tag, value]) => [
      element("dt", { textContent: tag }),
      element("dd", { textContent: String(value) }),
    ])));
  }
  const more = element("button", { type: "button", textContent: "More like this" });
  more.setAttribute("aria-label", `More like ${name}`);
  more.addEventListener("click", () => {
    const { uri, blob, mime_type, text: words } = found;
    const like = element("span", { textContent: `More like ${name}` });
    const preview = source ? [element("img", { alt: "" })] : [];
    for (const image of preview) showPicture(image, source);
    search(blob ? { blob, mime_type } : uri ? { uri } : { text: words ?? "" }, [...preview, like]);
    scrollTo({ top: 0 });
  });
  about.append(more);
  return element("li", {}, picture, about);
}

/** Bytes as base64, which JSON carries. */
function base64(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}

/** Searches for a picture or clip that was chosen, dropped or pasted. */
async function searchFile(blob) {
  text.value = "";
  const preview = element("img", { alt: "What is searched for", src: URL.createObjectURL(blob) });
  preview.addEventListener("load", () => URL.revokeObjectURL(preview.src), { once: true });
  const sought = { blob: await base64(blob), mime_type: blob.type };
  search(sought, [preview, element("span", { textContent: blob.name ?? "pasted picture" })]);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (text.value.trim()) search({ text: text.value.trim() }, []);
  else if (file.files[0]) searchFile(file.files[0]);
  else text.focus();
});
file.addEventListener("change", () => file.files[0] && searchFile(file.files[0]));
document.addEventListener("paste", (event) => {
  const pasted = [...(event.clipboardData?.files ?? [])].find((one) => one.type.startsWith("image/"));
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

// A link may carry the text.
const asked = new URLSearchParams(location.search).get("q");
if (asked) {
  text.value = asked;
  search({ text: asked }, []);
}
ask("/flow.json").then((answer) => answer.json()).then(({ name, pods }) => {
  document.title = `${name} – search`;
  at("title").textContent = name;
  at("about").textContent = pods.map((pod) => pod.name).join(" → ");
}).catch(() => {});
