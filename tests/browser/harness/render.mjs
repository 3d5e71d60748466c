// Draws a page's template into the document, and draws it again after setData, changing only what differs.

import { fillTemplate, parseTemplate, textOf } from "./expression.mjs";

const templates = new Map();

function fill(text, scope) {
  if (!templates.has(text)) templates.set(text, parseTemplate(text));
  return fillTemplate(templates.get(text), scope);
}

// Template + data -> a tree without loops and conditions: {tag, attributes, events, children} and {text}. Each node has
// `from`, its place in the template, and inside a loop a `key`: the same place and key are the same thing on the screen.
export function expand(children, scope, dialect) {
  const expanded = [];
  let isTaken = false; // whether a branch of the running if-elif-else was taken
  for (const child of children) {
    if (child.text !== undefined) expanded.push({ from: child, text: textOf(fill(child.text, scope)) });
    else if (directive(child, "for") !== undefined) expandLoop(child);
    else if (passesCondition(child)) expandElement(child, scope);
  }
  return expanded;

  function directive(element, name) {
    return element.attributes.get(dialect.directive + name);
  }

  function passesCondition(element) {
    const has = (name) => element.attributes.has(dialect.directive + name);
    if (has("if")) return (isTaken = Boolean(fill(directive(element, "if"), scope)));
    if (has("elif")) return !isTaken && (isTaken = Boolean(fill(directive(element, "elif"), scope)));
    return !(has("else") && isTaken);
  }

  function expandLoop(element) {
    const item = directive(element, "for-item") || "item";
    const index = directive(element, "for-index") || "index";
    const key = directive(element, "key");
    (fill(directive(element, "for"), scope) || []).forEach((value, position) => {
      expandElement(element, { ...scope, [item]: value, [index]: position }, key === "*this" ? value : value[key]);
    });
  }

  function expandElement(element, inner, key) {
    if (element.tag === "block") {
      expanded.push(...expand(element.children, inner, dialect));
      return;
    }
    const attributes = {};
    const events = {};
    for (const [name, value] of element.attributes) {
      const event = dialect.eventOf(name);
      if (event) events[event.name] = { handler: value, stops: event.stops };
      else if (!name.startsWith(dialect.directive)) attributes[name] = fill(value, inner);
    }
    const inside = expand(element.children, inner, dialect);
    expanded.push({ from: element, key, tag: element.tag, attributes, events, children: inside });
  }
}

// Makes the document's `parent` show `wanted`. `call(handler, event)` runs a page's handler.
export function patch(parent, wanted, call, native) {
  const present = [...parent.childNodes].filter((shown) => !shown.isPartOfComponent);
  let next = present[0] || null; // what comes after the nodes that are right already
  for (const node of wanted) {
    const at = present.findIndex((shown) => shown.wanted.from === node.from && shown.wanted.key === node.key);
    const shown = at < 0 ? create(node) : present.splice(at, 1)[0];
    update(shown, node);
    if (shown === next) next = shown.nextSibling;
    else parent.insertBefore(shown, next);
  }
  for (const shown of present) shown.remove();

  function create(node) {
    if (node.text !== undefined) return document.createTextNode("");
    const made = native.create(node.tag, (name, detail, original) => fire(made, name, detail, original));
    return made;
  }

  // Like the platforms, it sets an attribute when the data changed it: what a person did to a slider or a box stays.
  function update(shown, node) {
    const before = shown.wanted ? shown.wanted.attributes : {};
    shown.wanted = node;
    if (node.text !== undefined) {
      if (shown.data !== node.text) shown.data = node.text;
      return;
    }
    for (const { name } of [...shown.attributes]) {
      if (!(name in node.attributes) && !native.isOwn(node.tag, name)) shown.removeAttribute(name);
    }
    for (const [name, value] of Object.entries(node.attributes)) {
      if (before[name] !== value) native.set(shown, node.tag, name, value);
    }
    patch(shown, node.children, call, native);
  }

  function fire(element, name, detail, original) {
    const event = element.wanted.events[name];
    if (!event) return;
    if (event.stops) original.stopPropagation();
    const target = { id: element.id, dataset: readDataset(element.wanted.attributes) };
    call(event.handler, { type: name, target, currentTarget: target, detail });
  }
}

function readDataset(attributes) {
  const dataset = {};
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("data-")) dataset[name.slice(5).replace(/-(\w)/g, (_, letter) => letter.toUpperCase())] = value;
  }
  return dataset;
}
