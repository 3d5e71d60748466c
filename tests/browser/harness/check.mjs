// The strict check: what a real compiler would refuse, or a phone would silently ignore. Each rule has a deliberate
// fault in tests/browser/test_strict_check.py.

import { COMPONENTS, DIRECTIVES } from "./dialects.mjs";
import { namesIn, parseTemplate } from "./expression.mjs";
import { parseMarkup } from "./markup.mjs";

// All problems of one page's template. `page` is what its script gave to Page().
export function checkTemplate(source, page, dialect) {
  let tree;
  try {
    tree = parseMarkup(source);
  } catch (error) {
    return [error.message];
  }
  const problems = [];
  checkChildren(tree.children, new Set(Object.keys(page.data || {})));
  return problems;

  function complain(node, what) {
    problems.push(`line ${node.line}: ${what}`);
  }

  function checkChildren(children, names) {
    let isAfterIf = false;
    for (const child of children) {
      if (child.text !== undefined) {
        checkText(child, child.text, names);
        isAfterIf = false;
        continue;
      }
      const has = (directive) => child.attributes.has(dialect.directive + directive);
      if ((has("elif") || has("else")) && !isAfterIf) complain(child, `<${child.tag}> has an else without an if before it`);
      isAfterIf = has("if") || (has("elif") && isAfterIf);
      checkElement(child, names);
    }
  }

  function checkElement(element, outerNames) {
    if (!(element.tag in COMPONENTS)) complain(element, `<${element.tag}> is no component`);
    const names = new Set(outerNames);
    const directive = (name) => element.attributes.get(dialect.directive + name);
    if (directive("for") !== undefined) {
      checkText(element, directive("for"), outerNames);
      if (directive("key") === undefined) complain(element, `<${element.tag}> loops without a key`);
      names.add(directive("for-item") || "item");
      names.add(directive("for-index") || "index");
    }
    for (const [name, value] of element.attributes) checkAttribute(element, name, value, names);
    checkChildren(element.children, names);
  }

  function checkAttribute(element, name, value, names) {
    if ((value === null) !== (name === `${dialect.directive}else`)) {
      return complain(element, `<${element.tag}> has ${name} ${value === null ? "without" : "with"} a value`);
    }
    if (name.startsWith(dialect.directive)) {
      const directive = name.slice(dialect.directive.length);
      if (!DIRECTIVES.includes(directive)) complain(element, `${name} is no directive`);
      else if (directive === "if" || directive === "elif") checkText(element, value, names);
      return;
    }
    const event = dialect.eventOf(name);
    if (event) return checkEvent(element, name, event, value);
    if (dialect.foreign.test(name)) return complain(element, `${name} is the other platform's`);
    checkText(element, value, names);
  }

  function checkEvent(element, name, event, handler) {
    const known = ["tap", ...(COMPONENTS[element.tag] || [])];
    if (!known.includes(event.name)) complain(element, `<${element.tag}> fires no ${name}`);
    if (typeof page[handler] !== "function") complain(element, `the page has no handler ${handler}`);
  }

  function checkText(node, text, names) {
    try {
      for (const part of parseTemplate(text)) {
        for (const name of namesIn(part)) if (!names.has(name)) complain(node, `${name} is in nobody's data`);
      }
    } catch (error) {
      complain(node, error.message);
    }
  }
}
