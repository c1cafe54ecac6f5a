// API documentation from /openapi.json: every operation with its request and responses, and a form to try it.

import { request } from "/pages/gateway.js";
import { byId, element } from "/pages/dom.js";

const nameOf = (reference) => reference.split("/").pop();

/** Describes the type of a schema, with a link to the model that it references. */
function typeOf(schema) {
  if (schema.$ref) {
    const name = nameOf(schema.$ref);
    return element("a", { href: `#model-${name}`, textContent: name });
  }
  if (schema.allOf) return typeOf(schema.allOf[0]);
  if (schema.anyOf) {
    const either = schema.anyOf.flatMap((option, position) => (position ? [" or ", typeOf(option)] : [typeOf(option)]));
    return element("span", {}, ...either);
  }
  if (schema.type === "array") return element("span", {}, "list of ", typeOf(schema.items ?? {}));
  if (schema.type === "object" && schema.additionalProperties?.$ref) {
    return element("span", {}, "mapping to ", typeOf(schema.additionalProperties));
  }
  const type = schema.type === undefined ? "anything" : [schema.type].flat().join(" or ");
  return element("span", { textContent: schema.format ? `${type} (${schema.format})` : type });
}

/** Creates a table of the fields of a model. */
function fields(model) {
  const rows = Object.entries(model.properties ?? {}).map(([name, schema]) => element(
    "tr",
    {},
    element("th", { scope: "row" }, element("code", { textContent: name })),
    element("td", {}, typeOf(schema)),
    element("td", { textContent: schema.description ?? "" }),
  ));
  return element("div", { className: "scroll", tabIndex: 0 }, element("table", { className: "fields" }, element("tbody", {}, ...rows)));
}

/** Schema of a JSON body; undefined if there is none. */
const modelOf = (content) => content?.["application/json"]?.schema;

/** Creates the form that tries an operation. */
function tryForm(path, method, operation, number) {
  const form = element("form", { className: "try" });
  const streams = operation.responses?.["200"]?.content?.["text/event-stream"] !== undefined;
  let body = null;
  if (operation.requestBody) {
    body = element("textarea", { id: `body-${number}`, rows: 8, spellcheck: false });
    body.value = JSON.stringify(operation.requestBody.content["application/json"].example ?? {}, null, 2);
    form.append(element("label", { htmlFor: body.id, textContent: "Body" }), body);
  }
  const inputs = (operation.parameters ?? []).filter((parameter) => parameter.in === "query").map((parameter) => {
    const input = element("input", { id: `query-${number}-${parameter.name}`, name: parameter.name, value: parameter.example ?? "" });
    form.append(element("label", { htmlFor: input.id, textContent: parameter.name }), input);
    return input;
  });
  const submit = element("button", { className: "first", textContent: `Try ${method.toUpperCase()} ${path}` });
  const output = element("div", { className: "response" });
  output.setAttribute("aria-live", "polite");
  form.append(submit, output);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    submit.disabled = true;
    output.replaceChildren("…");
    const started = performance.now();
    try {
      const query = new URLSearchParams(inputs.filter((input) => input.value).map((input) => [input.name, input.value]));
      const headers = { ...(body ? { "content-type": "application/json" } : {}), ...(streams ? { accept: "text/event-stream" } : {}) };
      const response = await request(query.size ? `${path}?${query}` : path, { method: method.toUpperCase(), headers, body: body?.value });
      const took = () => element("p", { className: response.ok ? "faint" : "error", textContent: `${response.status} in ${Math.round(performance.now() - started)} ms` });
      const kind = /^(image|video)\//.exec(response.headers.get("content-type") ?? "")?.[1];
      if (kind) {
        const source = URL.createObjectURL(await response.blob());
        output.replaceChildren(took(), element(kind === "image" ? "img" : "video", { src: source, controls: true, alt: "Response" }));
        return;
      }
      let text = await response.text();
      try {
        text = JSON.stringify(JSON.parse(text), null, 2);
      } catch {
        // The body is not JSON.
      }
      output.replaceChildren(
        took(),
        element("pre", { tabIndex: 0, textContent: text }),
      );
    } catch (error) {
      output.replaceChildren(element("p", { className: "error", textContent: String(error.message ?? error) }));
    } finally {
      submit.disabled = false;
    }
  });
  return form;
}

/** Creates the collapsed description of an operation. */
function operationDetails(path, method, operation, number) {
  const about = element("div", { className: "about" });
  if (operation.description) about.append(element("p", { textContent: operation.description }));
  const body = modelOf(operation.requestBody?.content);
  if (body) about.append(element("p", {}, "Body: ", typeOf(body)));
  const parameters = body?.allOf?.[1]?.properties?.parameters;
  if (parameters) about.append(element("p", { textContent: "Parameters, in the field parameters of the body:" }), fields(parameters));
  const replies = Object.entries(operation.responses ?? {}).map(([code, reply]) => {
    const model = modelOf(reply.content);
    return element("li", {}, element("code", { textContent: code }), ` ${reply.description} `, ...(model ? [typeOf(model)] : []));
  });
  about.append(element("ul", {}, ...replies), tryForm(path, method, operation, number));
  const details = element(
    "details",
    { className: "operation" },
    element("summary", {}, element("b", { textContent: method.toUpperCase() }), " ", element("code", { textContent: path }), element("span", { className: "faint", textContent: ` ${operation.summary ?? ""}` })),
    about,
  );
  details.dataset.operation = `${method} ${path}`;
  return details;
}

/** Opens the operation or model that the URL fragment names. */
function openTarget() {
  const target = location.hash && byId(decodeURIComponent(location.hash.slice(1)));
  if (target) target.open = true;
}

try {
  const description = await (await request("/openapi.json")).json();
  document.title = `${description.info.title} – HTTP API`;
  byId("title").textContent = description.info.title;
  byId("about").textContent = `version ${description.info.version}`;
  byId("description").textContent = description.info.description;
  const operations = Object.entries(description.paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, operation]) => [path, method, operation]));
  byId("operations").replaceChildren(...operations.map((operation, number) => operationDetails(...operation, number)));
  const models = Object.entries(description.components.schemas).map(([name, model]) => element(
    "details",
    { id: `model-${name}`, className: "operation" },
    element("summary", {}, element("b", { textContent: name }), element("span", { className: "faint", textContent: ` ${model.description ?? ""}` })),
    fields(model),
  ));
  byId("models").replaceChildren(...models);
  byId("status").textContent = `${operations.length} operations`;
  addEventListener("hashchange", openTarget);
  openTarget();
} catch (error) {
  byId("status").className = "error";
  byId("status").textContent = `The API description cannot be loaded: ${error.message ?? error}`;
}
