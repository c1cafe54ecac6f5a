// What can be asked, from /openapi.json: every operation with its request and replies, and a form to try it.

import { ask } from "/pages/ask.js";

const at = (id) => document.getElementById(id);

/** An element with properties and children. */
function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

const nameOf = (reference) => reference.split("/").pop();

/** What a schema says in a few words, with a link to the model that it names. */
function words(schema) {
  if (schema.$ref) {
    const name = nameOf(schema.$ref);
    return element("a", { href: `#model-${name}`, textContent: name });
  }
  if (schema.anyOf) {
    const either = schema.anyOf.flatMap((one, position) => (position ? [" or ", words(one)] : [words(one)]));
    return element("span", {}, ...either);
  }
  if (schema.type === "array") return element("span", {}, "list of ", words(schema.items ?? {}));
  if (schema.type === "object" && schema.additionalProperties?.$ref) {
    return element("span", {}, "mapping to ", words(schema.additionalProperties));
  }
  const type = schema.type === undefined ? "anything" : [schema.type].flat().join(" or ");
  return element("span", { textContent: schema.format ? `${type} (${schema.format})` : type });
}

/** The fields of a model. */
function fields(model) {
  const rows = Object.entries(model.properties ?? {}).map(([name, schema]) => element(
    "tr",
    {},
    element("th", { scope: "row" }, element("code", { textContent: name })),
    element("td", {}, words(schema)),
    element("td", { textContent: schema.description ?? "" }),
  ));
  return element("div", { className: "scroll", tabIndex: 0 }, element("table", { className: "fields" }, element("tbody", {}, ...rows)));
}

/** The schema of the JSON that a request or reply has, if it has any. */
const modelOf = (content) => content?.["application/json"]?.schema;

/** The form by which an operation is tried. */
function trial(path, method, operation, number) {
  const form = element("form", { className: "trial" });
  const streams = operation.responses?.["200"]?.content?.["text/event-stream"] !== undefined;
  let body = null;
  if (operation.requestBody) {
    body = element("textarea", { id: `body-${number}`, rows: 8, spellcheck: false });
    body.value = JSON.stringify(operation.requestBody.content["application/json"].example ?? {}, null, 2);
    form.append(element("label", { htmlFor: body.id, textContent: "Body" }), body);
  }
  const inputs = (operation.parameters ?? []).filter((one) => one.in === "query").map((parameter) => {
    const input = element("input", { id: `query-${number}-${parameter.name}`, name: parameter.name, value: parameter.example ?? "" });
    form.append(element("label", { htmlFor: input.id, textContent: parameter.name }), input);
    return input;
  });
  const go = element("button", { className: "first", textContent: `Try ${method.toUpperCase()} ${path}` });
  const answered = element("div", { className: "answer" });
  answered.setAttribute("aria-live", "polite");
  form.append(go, answered);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    go.disabled = true;
    answered.replaceChildren("…");
    const started = performance.now();
    try {
      const query = new URLSearchParams(inputs.filter((one) => one.value).map((one) => [one.name, one.value]));
      const headers = { ...(body ? { "content-type": "application/json" } : {}), ...(streams ? { accept: "text/event-stream" } : {}) };
      const answer = await ask(query.size ? `${path}?${query}` : path, { method: method.toUpperCase(), headers, body: body?.value });
      let text = await answer.text();
      try {
        text = JSON.stringify(JSON.parse(text), null, 2);
      } catch {
        // Not everything is JSON.
      }
      const took = Math.round(performance.now() - started);
      answered.replaceChildren(
        element("p", { className: answer.ok ? "faint" : "error", textContent: `${answer.status} in ${took} ms` }),
        element("pre", { tabIndex: 0, textContent: text }),
      );
    } catch (error) {
      answered.replaceChildren(element("p", { className: "error", textContent: String(error.message ?? error) }));
    } finally {
      go.disabled = false;
    }
  });
  return form;
}

/** An operation, folded up. */
function shownOperation(path, method, operation, number) {
  const about = element("div", { className: "about" });
  if (operation.description) about.append(element("p", { textContent: operation.description }));
  const asked = modelOf(operation.requestBody?.content);
  if (asked) about.append(element("p", {}, "Body: ", words(asked)));
  const replies = Object.entries(operation.responses ?? {}).map(([code, reply]) => {
    const model = modelOf(reply.content);
    return element("li", {}, element("code", { textContent: code }), ` ${reply.description} `, ...(model ? [words(model)] : []));
  });
  about.append(element("ul", {}, ...replies), trial(path, method, operation, number));
  const shown = element(
    "details",
    { className: "operation" },
    element("summary", {}, element("b", { textContent: method.toUpperCase() }), " ", element("code", { textContent: path }), element("span", { className: "faint", textContent: ` ${operation.summary ?? ""}` })),
    about,
  );
  shown.dataset.operation = `${method} ${path}`;
  return shown;
}

/** Opens what the address points to. */
function openTarget() {
  const target = location.hash && at(decodeURIComponent(location.hash.slice(1)));
  if (target) target.open = true;
}

try {
  const described = await (await ask("/openapi.json")).json();
  document.title = `${described.info.title} – paths`;
  at("title").textContent = described.info.title;
  at("about").textContent = `version ${described.info.version}`;
  at("description").textContent = described.info.description;
  const operations = Object.entries(described.paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, operation]) => [path, method, operation]));
  at("operations").replaceChildren(...operations.map((operation, number) => shownOperation(...operation, number)));
  const models = Object.entries(described.components.schemas).map(([name, model]) => element(
    "details",
    { id: `model-${name}`, className: "operation" },
    element("summary", {}, element("b", { textContent: name }), element("span", { className: "faint", textContent: ` ${model.description ?? ""}` })),
    fields(model),
  ));
  at("models").replaceChildren(...models);
  at("status").textContent = `${operations.length} operations`;
  addEventListener("hashchange", openTarget);
  openTarget();
} catch (error) {
  at("status").className = "error";
  at("status").textContent = `The description cannot be read: ${error.message ?? error}`;
}
