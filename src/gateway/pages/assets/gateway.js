// How every page asks the gateway: with the token, where one is wanted. The token is kept for this tab alone, and goes
// into a header, never into an address.

const KEY = "flowrun-token";
let asking = null;

/** The token that was typed in this tab, or null. */
const token = () => sessionStorage.getItem(KEY);

/** Asks the person for the token; resolves when one was given. Whoever else asks meanwhile waits for the same. */
function askForToken() {
  asking ??= new Promise((resolve) => {
    const dialog = document.createElement("dialog");
    const form = Object.assign(document.createElement("form"), { method: "dialog" });
    const label = Object.assign(document.createElement("label"), { htmlFor: "token", textContent: "This flow asks for a token" });
    const field = Object.assign(document.createElement("input"), { id: "token", type: "password", required: true, autocomplete: "off" });
    const why = Object.assign(document.createElement("p"), { className: "error", textContent: token() === null ? "" : "That is not the token." });
    why.setAttribute("role", "alert");
    const go = Object.assign(document.createElement("button"), { className: "first", textContent: "Continue" });
    form.append(label, field, go);
    dialog.append(form, why);
    // It is left by giving a token: behind it there is nothing to see.
    dialog.addEventListener("cancel", (event) => event.preventDefault());
    form.addEventListener("submit", () => {
      sessionStorage.setItem(KEY, field.value.trim());
      dialog.remove();
      asking = null;
      resolve();
    });
    document.body.append(dialog);
    dialog.showModal();
    field.focus();
  });
  return asking;
}

/** `fetch`, which asks the person for the token when it is wanted, and then again. */
export async function ask(path, options = {}) {
  for (;;) {
    const shown = token();
    const headers = { ...options.headers, ...(shown === null ? {} : { authorization: `Bearer ${shown}` }) };
    const answer = await fetch(path, { ...options, headers });
    if (answer.status !== 401) return answer;
    // Another question may have been answered with a token meanwhile.
    if (token() === shown) await askForToken();
  }
}

/** Shows a picture of the gateway's in an image, which cannot show a token by itself. */
export async function showPicture(image, path) {
  if (token() === null || !path.startsWith("/")) {
    image.src = path;
    return;
  }
  const answer = await ask(path);
  if (!answer.ok) {
    image.dispatchEvent(new Event("error"));
    return;
  }
  image.addEventListener("load", () => URL.revokeObjectURL(image.src), { once: true });
  image.src = URL.createObjectURL(await answer.blob());
}

/** Calls `each` with the data of every server-sent event at a path, for as long as the page is open. */
export async function follow(path, each) {
  for (;;) {
    try {
      const answer = await ask(path);
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        const events = (rest + value).split("\n\n");
        rest = events.pop();
        for (const event of events) {
          const data = event.split("\n").filter((line) => line.startsWith("data:")).map((line) => line.slice(5).trimStart());
          if (data.length) each(data.join("\n"));
        }
      }
    } catch {
      // The flow is gone; it may come again.
    }
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}
