// @ts-check
// Shows /openapi.json: every operation with its parameters, bodies and answers, and a form to try it.
// Text from the document is only ever set as textContent, never as HTML.

const METHODS = ["get", "post", "put", "patch", "delete"];

/** @param {string} tag @param {Record<string, string>} [attributes] @param {...(Node | string)} children */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** Inline code and bold of a description, as elements. @param {string} text */
function inline(text) {
  return text.split(/(`[^`]+`|\*\*[^*]+\*\*)/).map((part) => {
    if (part.startsWith("`")) return element("code", {}, part.slice(1, -1));
    if (part.startsWith("**")) return element("strong", {}, part.slice(2, -2));
    return part;
  });
}

/** @param {string} text */
function prose(text) {
  return text.split(/\n{2,}/).map((block) => {
    if (!block.startsWith("* ")) return element("p", {}, ...inline(block));
    const items = block.split(/\n(?=\* )/).map((line) => element("li", {}, ...inline(line.slice(2))));
    return element("ul", {}, ...items);
  });
}

/** @param {any} api @param {any} schema @returns {any} */
function resolve(api, schema) {
  if (!schema || !schema.$ref) return schema;
  return schema.$ref.slice(2).split("/").reduce((/** @type {any} */ at, /** @type {string} */ key) => at[key], api);
}

/** A short name of a schema's type. @param {any} schema @returns {string} */
function typeName(schema) {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.enum) return schema.enum.join(" | ");
  if (schema.const !== undefined) return String(schema.const);
  const choices = schema.anyOf || schema.oneOf;
  if (choices) return choices.map(typeName).join(" | ");
  if (schema.type === "array") return `[${typeName(schema.items)}]`;
  const format = schema.format ? ` (${schema.format})` : "";
  return `${schema.type || "any"}${format}`;
}

/** An example of a schema: its own, or one put together. @param {any} api @param {any} schema @returns {any} */
function sample(api, schema, depth = 0) {
  const found = resolve(api, schema);
  if (!found || depth > 6) return null;
  if (found.examples && found.examples.length) return found.examples[0];
  if (found.default !== undefined) return found.default;
  if (found.enum) return found.enum[0];
  if (found.const !== undefined) return found.const;
  const choices = found.anyOf || found.oneOf;
  if (choices) return sample(api, choices[0], depth + 1);
  if (found.type === "array") return found.items ? [sample(api, found.items, depth + 1)] : [];
  if (found.properties) {
    const pairs = Object.entries(found.properties).map(([name, inner]) => [name, sample(api, inner, depth + 1)]);
    return Object.fromEntries(pairs);
  }
  if (found.format === "date-time") return "2026-03-10T05:08:00Z";
  return { string: "…", integer: 1, number: 0.5, boolean: true, object: {} }[found.type] ?? null;
}

/** @param {any} value */
function shown(value) {
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}

/** @param {any} operation */
function parameterTable(operation) {
  const rows = (operation.parameters || []).map((/** @type {any} */ one) =>
    element(
      "tr",
      {},
      element("td", {}, element("code", {}, one.name), one.required ? " *" : ""),
      element("td", { class: "soft" }, one.in),
      element("td", {}, typeName(one.schema)),
      element("td", {}, ...inline(one.description || (one.schema && one.schema.description) || "")),
    ),
  );
  if (!rows.length) return [];
  const head = ["参数 Parameter", "位置 In", "类型 Type", "说明"].map((text) => element("th", {}, text));
  return [element("table", {}, element("tr", {}, ...head), ...rows)];
}

/** @param {any} api @param {any} operation */
function answers(api, operation) {
  return Object.entries(operation.responses).flatMap(([status, answer]) => {
    const [type, content] = Object.entries(answer.content || {})[0] || ["", null];
    const line = element("p", {}, element("code", {}, status), ` ${answer.description || ""} `, element("span", { class: "soft" }, type));
    if (!status.startsWith("2") || !content) return [line];
    return [line, element("pre", {}, shown(content.example ?? sample(api, content.schema)))];
  });
}

/** @param {any} operation */
function bodyOf(operation) {
  const content = operation.requestBody && operation.requestBody.content;
  return content ? Object.entries(content)[0] : null;
}

/** @param {string} method @param {string} path @param {HTMLFormElement} form @param {string} type */
async function send(method, path, form, type) {
  const query = new URLSearchParams();
  let address = path;
  for (const field of form.querySelectorAll("input")) {
    if (!field.value) continue;
    if (field.dataset.in === "path") address = address.replace(`{${field.name}}`, encodeURIComponent(field.value));
    else if (field.dataset.in === "query") query.append(field.name, field.value);
  }
  /** @type {Record<string, string>} */
  const headers = {};
  const key = /** @type {HTMLInputElement} */ (document.getElementById("key")).value.trim();
  if (key) headers.Authorization = `Bearer ${key}`;
  const body = form.querySelector("textarea");
  if (body) headers["Content-Type"] = type;
  const asked = query.size ? `${address}?${query}` : address;
  const answer = await fetch(asked, { method: method.toUpperCase(), headers, body: body ? body.value : undefined });
  const text = await answer.text();
  const isJson = (answer.headers.get("content-type") || "").includes("json");
  return `${answer.status} ${asked}\n\n${isJson && text ? JSON.stringify(JSON.parse(text), null, 2) : text}`;
}

/** @param {any} api @param {string} method @param {string} path @param {any} operation */
function tryForm(api, method, path, operation) {
  const form = /** @type {HTMLFormElement} */ (element("form", { class: "try" }));
  for (const one of operation.parameters || []) {
    if (one.in !== "path" && one.in !== "query") continue;
    form.append(element("label", {}, one.name, element("input", { name: one.name, "data-in": one.in })));
  }
  const body = bodyOf(operation);
  if (body) form.append(element("textarea", { spellcheck: "false" }, shown(body[1].example ?? sample(api, body[1].schema))));
  const result = element("pre", { hidden: "" });
  form.append(element("div", {}, element("button", { type: "submit" }, "发送 Send")), result);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    result.hidden = false;
    result.textContent = "…";
    try {
      result.textContent = await send(method, path, form, body ? body[0] : "");
    } catch (error) {
      result.textContent = String(error);
    }
  });
  return form;
}

/** @param {any} api @param {string} method @param {string} path @param {any} operation */
function operationView(api, method, path, operation) {
  const head = element(
    "summary",
    {},
    element("span", { class: "method" }, method),
    element("span", { class: "path" }, path),
    element("span", { class: "summary" }, operation.summary || ""),
  );
  const view = element("details", { class: "operation", id: operation.operationId });
  view.append(head);
  // built when opened: a hundred forms nobody looks at cost time
  view.addEventListener("toggle", () => {
    if (view.childElementCount > 1) return;
    view.append(
      element(
        "div",
        {},
        ...prose(operation.description || ""),
        ...parameterTable(operation),
        tryForm(api, method, path, operation),
        ...answers(api, operation),
      ),
    );
  });
  view.dataset.text = `${method} ${path} ${operation.summary} ${operation.description || ""}`.toLowerCase();
  return view;
}

/** @param {any} api */
function show(api) {
  /** @type {HTMLElement} */ (document.getElementById("version")).textContent = api.info.version;
  /** @type {HTMLElement} */ (document.getElementById("about")).append(...prose(api.info.description || ""));
  /** @type {Map<string, HTMLElement>} */
  const groups = new Map();
  for (const [path, item] of Object.entries(api.paths)) {
    for (const method of METHODS) {
      if (!item[method]) continue;
      const name = (item[method].tags || ["other"])[0];
      if (!groups.has(name)) groups.set(name, element("section", {}, element("h2", {}, name)));
      groups.get(name)?.append(operationView(api, method, path, item[method]));
    }
  }
  /** @type {HTMLElement} */ (document.getElementById("operations")).append(...groups.values());
  const wanted = document.getElementById(location.hash.slice(1));
  if (wanted instanceof HTMLDetailsElement) wanted.open = true;
}

function filter() {
  const wanted = /** @type {HTMLInputElement} */ (document.getElementById("find")).value.trim().toLowerCase();
  for (const view of document.querySelectorAll("details.operation")) {
    const one = /** @type {HTMLDetailsElement} */ (view);
    one.hidden = wanted !== "" && !(one.dataset.text || "").includes(wanted);
  }
  for (const group of document.querySelectorAll("#operations > section")) {
    const one = /** @type {HTMLElement} */ (group);
    one.hidden = !group.querySelector("details.operation:not([hidden])");
  }
}

document.getElementById("find")?.addEventListener("input", filter);
document.getElementById("access")?.addEventListener("submit", (event) => event.preventDefault());
fetch("/openapi.json").then((answer) => answer.json()).then(show);
