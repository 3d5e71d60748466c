// Draws a page's template into the document, and draws it again after setData, changing only what differs.

import { fillTemplate, parseTemplate, textOf } from "./expression.mjs";

const templates = new Map();

function fill(text, scope) {
  if (!templates.has(text)) templates.set(text, parseTemplate(text));
  return fillTemplate(templates.get(text), scope);
}

// Template + data -> a tree without loops and conditions: {tag, attributes, events, children} and {text}.
export function expand(children, scope, dialect) {
  const expanded = [];
  let isTaken = false; // whether a branch of the running if-elif-else was taken
  for (const child of children) {
    if (child.text !== undefined) expanded.push({ text: textOf(fill(child.text, scope)) });
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
    (fill(directive(element, "for"), scope) || []).forEach((value, position) => {
      expandElement(element, { ...scope, [item]: value, [index]: position });
    });
  }

  function expandElement(element, inner) {
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
    expanded.push({ tag: element.tag, attributes, events, children: expand(element.children, inner, dialect) });
  }
}

// Makes the document's `parent` show `wanted`. `call(handler, event)` runs a page's handler.
export function patch(parent, wanted, call, native) {
  const present = [...parent.childNodes].filter((node) => !node.isPartOfComponent);
  wanted.forEach((node, index) => {
    const old = present[index];
    if (node.text !== undefined && old instanceof Text) {
      if (old.data !== node.text) old.data = node.text;
    } else if (node.tag && old && old.component === node.tag) {
      update(old, node);
    } else {
      const made = node.text !== undefined ? document.createTextNode(node.text) : create(node);
      if (old) old.replaceWith(made);
      else parent.append(made);
    }
  });
  present.slice(wanted.length).forEach((node) => node.remove());

  function create(node) {
    const made = native.create(node.tag, (name, detail, original) => fire(made, name, detail, original));
    made.component = node.tag;
    update(made, node);
    return made;
  }

  function update(element, node) {
    element.wanted = node;
    for (const attribute of [...element.attributes]) {
      if (!(attribute.name in node.attributes) && !native.isOwn(node.tag, attribute.name)) element.removeAttribute(attribute.name);
    }
    for (const [name, value] of Object.entries(node.attributes)) native.set(element, node.tag, name, value);
    patch(element, node.children, call, native);
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
