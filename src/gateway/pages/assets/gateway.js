// Requests of the pages to the gateway, with the token if the gateway has one. The token is stored for this browser tab
// only, and sent in a header, never in a URL.

const KEY = "flowrun-token";
let prompt = null;

/** The token entered in this tab, or null. */
const token = () => sessionStorage.getItem(KEY);

/** Prompts the user for the token, and resolves once it is entered. Concurrent callers share one prompt. */
function promptForToken() {
  prompt ??= new Promise((resolve) => {
    const dialog = document.createElement("dialog");
    const form = Object.assign(document.createElement("form"), { method: "dialog" });
    const label = Object.assign(document.createElement("label"), { htmlFor: "token", textContent: "This flow requires a token" });
    const field = Object.assign(document.createElement("input"), { id: "token", type: "password", required: true, autocomplete: "off" });
    const error = Object.assign(document.createElement("p"), { className: "error", textContent: token() === null ? "" : "The token is wrong." });
    error.setAttribute("role", "alert");
    const submit = Object.assign(document.createElement("button"), { className: "first", textContent: "Continue" });
    form.append(label, field, submit);
    dialog.append(form, error);
    // The dialog cannot be dismissed: without a token the page is empty.
    dialog.addEventListener("cancel", (event) => event.preventDefault());
    form.addEventListener("submit", () => {
      sessionStorage.setItem(KEY, field.value.trim());
      dialog.remove();
      prompt = null;
      resolve();
    });
    document.body.append(dialog);
    dialog.showModal();
    field.focus();
  });
  return prompt;
}

/** Like `fetch`, but prompts for the token if the gateway requires one, and then retries. Throws if the token has too few rights. */
export async function request(path, options = {}) {
  for (;;) {
    const sent = token();
    const headers = { ...options.headers, ...(sent === null ? {} : { authorization: `Bearer ${sent}` }) };
    const response = await fetch(path, { ...options, headers });
    if (response.status === 403) throw Object.assign(new Error((await response.json()).detail), { forbidden: true });
    if (response.status !== 401) return response;
    // A concurrent request may have prompted for the token already.
    if (token() === sent) await promptForToken();
  }
}

/** Times that a request is repeated while the gateway makes too many thumbnails or previews. */
const RETRIES = 30;

/** Requests a thumbnail or preview; waits while too many are being made. */
export async function requestMedia(path, signal) {
  for (let attempt = 0; ; attempt += 1) {
    const response = await request(path, { signal });
    const seconds = Number(response.headers.get("retry-after"));
    if (response.status !== 503 || !seconds || attempt === RETRIES || signal?.aborted) return response;
    await new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
  }
}

/** Loads an image into an `<img>`, which cannot send the token itself. Calls `onMissing` with the reason if the gateway has none. */
export async function loadImage(image, path, onMissing = () => {}) {
  if (!path.startsWith("/")) {
    image.src = path;
    return;
  }
  const response = await requestMedia(path);
  if (!response.ok) {
    onMissing(await response.text());
    return;
  }
  image.addEventListener("load", () => URL.revokeObjectURL(image.src), { once: true });
  image.src = URL.createObjectURL(await response.blob());
}

/** Calls `onEvent` with the data of each server-sent event of `path`. Reconnects until the page is closed. */
export async function follow(path, onEvent) {
  for (;;) {
    try {
      const response = await request(path);
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        const events = (rest + value).split("\n\n");
        rest = events.pop();
        for (const event of events) {
          const data = event.split("\n").filter((line) => line.startsWith("data:")).map((line) => line.slice(5).trimStart());
          if (data.length) onEvent(data.join("\n"));
        }
      }
    } catch {
      // The connection was lost: reconnect.
    }
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}
